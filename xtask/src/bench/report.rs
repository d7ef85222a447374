//! Samples, what they amount to, and the table that sets them beside their aims.

use anyhow::{Result, ensure};

/// Measured values of one benchmark, sorted, at least one.
pub(crate) struct Samples {
    values: Vec<f64>,
}

impl Samples {
    /// Takes the values in any order; an error when there is none or one is no number.
    pub(crate) fn new(mut values: Vec<f64>) -> Result<Self> {
        ensure!(!values.is_empty(), "nothing was measured");
        ensure!(values.iter().all(|value| value.is_finite()), "a measured value is no number");
        values.sort_by(f64::total_cmp);
        Ok(Self { values })
    }

    /// The smallest value that at least `percent` of all values do not exceed.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.values.len() * percent).div_ceil(100).max(1);
        self.values[rank - 1]
    }
}

/// Which of a benchmark's statistics is compared, and with what.
#[derive(Clone, Copy)]
pub(crate) struct Aim {
    percentile: usize,
    at_most: f64,
    unit: &'static str,
}

impl Aim {
    /// The median shall not exceed `value` milliseconds.
    pub(crate) const fn median_ms(value: f64) -> Self {
        Self { percentile: 50, at_most: value, unit: "ms" }
    }

    fn text(self) -> String {
        let statistic = if self.percentile == 50 {
            "median".to_owned()
        } else {
            format!("p{}", self.percentile)
        };
        format!("{statistic} ≤ {} {}", self.at_most, self.unit)
    }
}

/// One line of the table; `None` when the benchmark could not run.
pub(crate) struct Line {
    /// The benchmark's name.
    pub(crate) name: &'static str,
    /// Where it should be.
    pub(crate) aim: Aim,
    /// Where it is.
    pub(crate) result: Option<Samples>,
}

/// The lines as a Markdown page.
pub(crate) fn table(lines: &[Line], cores: usize) -> String {
    let mut page = format!(
        "# Benchmarks\n\nMeasured by `cargo xtask bench --write` in the release profile on {cores} cores. Wall time of \
         whole processes, start included.\n\n\
         | benchmark | aim | median | p99 | runs | aim met |\n| --- | --- | ---: | ---: | ---: | --- |\n"
    );
    for line in lines {
        page += &match &line.result {
            None => format!(
                "| {} | {} | could not run | – | 0 | unknown |\n",
                line.name,
                line.aim.text()
            ),
            Some(samples) => {
                let unit = line.aim.unit;
                let met = samples.percentile(line.aim.percentile) <= line.aim.at_most;
                format!(
                    "| {} | {} | {:.1} {unit} | {:.1} {unit} | {} | {} |\n",
                    line.name,
                    line.aim.text(),
                    samples.percentile(50),
                    samples.percentile(99),
                    samples.values.len(),
                    if met { "yes" } else { "no" },
                )
            }
        };
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        Samples::new(values.to_vec()).expect("finite values")
    }

    #[test]
    fn percentiles_are_taken_from_the_values_themselves() {
        let hundred: Vec<f64> = (1..=100_u8).rev().map(f64::from).collect();
        assert!((samples(&hundred).percentile(50) - 50.0).abs() < f64::EPSILON);
        assert!((samples(&hundred).percentile(99) - 99.0).abs() < f64::EPSILON);
        assert!((samples(&[7.0]).percentile(99) - 7.0).abs() < f64::EPSILON);
    }

    #[test]
    fn no_value_is_no_measurement() {
        assert!(Samples::new(vec![]).is_err());
        assert!(Samples::new(vec![f64::NAN]).is_err());
    }

    #[test]
    fn a_missed_aim_and_a_benchmark_that_could_not_run_are_shown_as_such() {
        let aim = Aim::median_ms(10.0);
        let line = |name, result| Line { name, aim, result };
        let page = table(
            &[
                line("a", Some(samples(&[9.0]))),
                line("b", Some(samples(&[11.0, 30.0]))),
                line("c", None),
            ],
            2,
        );
        assert!(page.contains("on 2 cores"));
        assert!(page.contains("| a | median ≤ 10 ms | 9.0 ms | 9.0 ms | 1 | yes |"));
        assert!(page.contains("| b | median ≤ 10 ms | 11.0 ms | 30.0 ms | 2 | no |"));
        assert!(page.contains("| c | median ≤ 10 ms | could not run | – | 0 | unknown |"));
    }
}
