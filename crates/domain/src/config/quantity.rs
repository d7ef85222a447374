//! Times, sizes, sums of money and cron lines as people write them.

/// Millionths in a dollar.
const MICROS: f64 = 1_000_000.0;

/// Reads a length of time like `2h`, `90s` or `1h30m` and returns whole seconds, rounded up.
pub(super) fn seconds(text: &str) -> Result<u64, &'static str> {
    const HOW: &str = "a length of time like `2h`, `10m`, `90s` or `500ms`";
    let mut rest = text.trim();
    let mut millis: u64 = 0;
    if rest.is_empty() {
        return Err(HOW);
    }
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or(HOW)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(HOW),
        };
        let part = number.checked_mul(factor).ok_or("a time that fits in a lifetime")?;
        millis = millis.checked_add(part).ok_or("a time that fits in a lifetime")?;
        rest = after;
    }
    if millis == 0 { Err("a time longer than none") } else { Ok(millis.div_ceil(1_000)) }
}

/// Reads a size like `8GiB` or `512MB` and returns bytes.
pub(super) fn bytes(text: &str) -> Result<u64, &'static str> {
    const HOW: &str = "a size like `8GiB` or `512MiB`";
    let (number, unit) = leading_number(text.trim()).ok_or(HOW)?;
    let factor: u64 = match unit.trim() {
        "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(HOW),
    };
    match number.checked_mul(factor) {
        Some(0) => Err("a size larger than none"),
        Some(bytes) => Ok(bytes),
        None => Err("a size that a machine can have"),
    }
}

/// Returns `dollars` in millionths, or nothing when that is not a sum one can spend.
pub(super) fn micros(dollars: f64) -> Option<u64> {
    let micros = (dollars * MICROS).round();
    // Sums up to nine billion dollars are exact in a double.
    (1.0..9e15).contains(&micros).then_some(micros as u64)
}

fn leading_number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

/// The fields of a cron line with their smallest and largest values and the words they also take.
const CRON: [(&str, u32, u32, &[&str]); 5] = [
    ("minute", 0, 59, &[]),
    ("hour", 0, 23, &[]),
    ("day", 1, 31, &[]),
    (
        "month",
        1,
        12,
        &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    ),
    ("weekday", 0, 7, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// Returns what is wrong with a cron line, if anything.
pub(super) fn cron_fault(text: &str) -> Option<String> {
    const WORDS: [&str; 5] = ["@hourly", "@daily", "@weekly", "@monthly", "@yearly"];
    if WORDS.contains(&text.trim()) {
        return None;
    }
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() != CRON.len() {
        return Some(format!("has {} fields instead of five", fields.len()));
    }
    let fault = |(field, (name, low, high, words)): (&&str, (&str, u32, u32, &[&str]))| {
        let good = field.split(',').all(|part| is_cron_part(part, low, high, words));
        (!good).then(|| {
            format!(
                "has the {name} `{}`, which is not within {low}-{high}",
                super::names::shown(field)
            )
        })
    };
    fields.iter().zip(CRON).find_map(fault)
}

fn is_cron_part(part: &str, low: u32, high: u32, words: &[&str]) -> bool {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step)),
        None => (part, None),
    };
    let is_step =
        |step: &str| step.parse().is_ok_and(|step: u32| (1..=high.max(1)).contains(&step));
    if !step.is_none_or(is_step) {
        return false;
    }
    let value = |text: &str| {
        let word = text.to_ascii_lowercase();
        let named = words.iter().position(|it| *it == word).and_then(|at| u32::try_from(at).ok());
        let value = named.map(|at| at + low).or_else(|| text.parse().ok())?;
        (low..=high).contains(&value).then_some(value)
    };
    match range.split_once('-') {
        None => range == "*" || value(range).is_some(),
        Some((from, to)) => {
            matches!((value(from), value(to)), (Some(from), Some(to)) if from <= to)
        }
    }
}
