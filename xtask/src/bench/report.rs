//! Samples, what they amount to, and the page that sets them beside their aims.

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
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.values.len() * percent).div_ceil(100).max(1);
        self.values[rank - 1]
    }

    /// The largest value that at least `percent` of all values reach.
    fn reached_by(&self, percent: usize) -> f64 {
        let rank = (self.values.len() * percent).div_ceil(100).max(1);
        self.values[self.values.len() - rank]
    }
}

/// What a benchmark's values are compared with.
#[derive(Clone, Copy)]
pub(crate) struct Aim {
    percent: usize,
    bound: Bound,
    unit: &'static str,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
    /// No aim: it is only told.
    None,
}

impl Aim {
    /// The median shall not exceed `value`.
    pub(crate) const fn median(value: f64, unit: &'static str) -> Self {
        Self { percent: 50, bound: Bound::AtMost(value), unit }
    }

    /// 99 of 100 values shall not exceed `value`.
    pub(crate) const fn p99(value: f64, unit: &'static str) -> Self {
        Self { percent: 99, bound: Bound::AtMost(value), unit }
    }

    /// No value shall exceed `value`.
    pub(crate) const fn every(value: f64, unit: &'static str) -> Self {
        Self { percent: 100, bound: Bound::AtMost(value), unit }
    }

    /// The median shall reach `value`.
    pub(crate) const fn median_rate(value: f64, unit: &'static str) -> Self {
        Self { percent: 50, bound: Bound::AtLeast(value), unit }
    }

    /// Nothing is asked of it: the values are told beside those that they explain.
    pub(crate) const fn told(unit: &'static str) -> Self {
        Self { percent: 50, bound: Bound::None, unit }
    }

    fn text(self) -> String {
        let statistic = match self.percent {
            50 => "median".to_owned(),
            100 => "every run".to_owned(),
            percent => format!("p{percent}"),
        };
        match self.bound {
            Bound::AtMost(value) => format!("{statistic} ≤ {}", shown(value, self.unit)),
            Bound::AtLeast(value) => format!("{statistic} ≥ {}", shown(value, self.unit)),
            Bound::None => "–".to_owned(),
        }
    }

    fn is_met(self, samples: &Samples) -> Option<bool> {
        match self.bound {
            Bound::AtMost(value) => Some(samples.percentile(self.percent) <= value),
            Bound::AtLeast(value) => Some(samples.reached_by(self.percent) >= value),
            Bound::None => None,
        }
    }

    /// The value that 99 of 100 runs were at least as good as.
    fn nearly_worst(self, samples: &Samples) -> f64 {
        match self.bound {
            Bound::AtMost(_) | Bound::None => samples.percentile(99),
            Bound::AtLeast(_) => samples.reached_by(99),
        }
    }
}

/// One line of the table; no result when the benchmark could not run.
pub(crate) struct Line {
    /// The benchmark's name.
    pub(crate) name: &'static str,
    /// Where it should be.
    pub(crate) aim: Aim,
    /// What was measured, and how, in a sentence.
    pub(crate) how: &'static str,
    /// Where it is.
    pub(crate) result: Option<Samples>,
}

/// Returns the lines as a Markdown page about `machine`.
pub(crate) fn page(lines: &[Line], machine: &str) -> String {
    let mut page = format!(
        "# Benchmarks\n\nMeasured by `cargo xtask bench --write` in the release profile on {machine}. `p99` is the value that \
         99 of 100 runs do not exceed; for a rate, the one that 99 of 100 runs reach.\n\n\
         | benchmark | aim | median | p99 | runs | aim met |\n| --- | --- | ---: | ---: | ---: | --- |\n"
    );
    for line in lines {
        page += &row(line);
    }
    page += "\n## How each was measured\n\n";
    for line in lines {
        page += &format!("* **{}**: {}\n", line.name, line.how);
    }
    page
}

fn row(line: &Line) -> String {
    let Line { name, aim, result, .. } = line;
    let Some(samples) = result else {
        return format!("| {name} | {} | could not run | – | 0 | unknown |\n", aim.text());
    };
    let met = match aim.is_met(samples) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "–",
    };
    format!(
        "| {name} | {} | {} | {} | {} | {met} |\n",
        aim.text(),
        shown(samples.percentile(50), aim.unit),
        shown(aim.nearly_worst(samples), aim.unit),
        samples.values.len(),
    )
}

/// Returns a value with about three digits that mean something.
fn shown(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        _ if value.fract() == 0.0 => 0,
        size if size >= 1000.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
    format!("{value:.digits$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        Samples::new(values.to_vec()).expect("finite values")
    }

    fn line(name: &'static str, aim: Aim, values: &[f64]) -> Line {
        let result = (!values.is_empty()).then(|| samples(values));
        Line { name, aim, how: "by hand", result }
    }

    #[test]
    fn percentiles_are_taken_from_the_values_themselves() {
        let hundred: Vec<f64> = (1..=100_u8).rev().map(f64::from).collect();
        let exactly = |is: f64, should: f64| assert!((is - should).abs() < f64::EPSILON, "{is}");
        exactly(samples(&hundred).percentile(50), 50.0);
        exactly(samples(&hundred).percentile(99), 99.0);
        exactly(samples(&hundred).reached_by(99), 2.0);
        exactly(samples(&hundred).reached_by(50), 51.0);
        exactly(samples(&[7.0]).percentile(99), 7.0);
        exactly(samples(&[7.0]).reached_by(99), 7.0);
    }

    #[test]
    fn no_value_is_no_measurement() {
        assert!(Samples::new(vec![]).is_err());
        assert!(Samples::new(vec![f64::NAN]).is_err());
    }

    #[test]
    fn a_missed_aim_and_a_benchmark_that_could_not_run_are_shown_as_such() {
        let aim = Aim::median(10.0, "ms");
        let page = page(
            &[line("a", aim, &[9.04]), line("b", aim, &[11.0, 30.0]), line("c", aim, &[])],
            "2 cores",
        );
        assert!(page.contains("on 2 cores"));
        assert!(page.contains("| a | median ≤ 10 ms | 9.04 ms | 9.04 ms | 1 | yes |"), "{page}");
        assert!(page.contains("| b | median ≤ 10 ms | 11 ms | 30 ms | 2 | no |"), "{page}");
        assert!(
            page.contains("| c | median ≤ 10 ms | could not run | – | 0 | unknown |"),
            "{page}"
        );
        assert!(page.contains("* **a**: by hand"));
    }

    #[test]
    fn each_kind_of_aim_looks_at_its_own_statistic() {
        let (slow, fast) = (vec![1.0; 98], vec![50.0; 2]);
        let values = [slow, fast].concat();
        let met = |aim: Aim| aim.is_met(&samples(&values));
        assert_eq!(met(Aim::median(10.0, "ms")), Some(true));
        assert_eq!(met(Aim::p99(10.0, "ms")), Some(false));
        assert_eq!(met(Aim::every(50.0, "ms")), Some(true));
        assert_eq!(met(Aim::every(49.0, "ms")), Some(false));
        assert_eq!(met(Aim::median_rate(1.0, "/s")), Some(true));
        assert_eq!(met(Aim::median_rate(2.0, "/s")), Some(false));
        assert_eq!(met(Aim::told("ms")), None);
    }
}
