//! Benchmarks that need a crate from inside: its own bench programs measure and print, this runs them and reads.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Samples, Setting};
use crate::process;

/// Returns the values of the measure `name`, which the bench program `bench` of `package` makes; it is run once.
fn values(setting: &Setting, package: &str, bench: &str, name: &str) -> Result<Samples> {
    let mut measures = setting.inside.borrow_mut();
    if !measures.contains_key(package) {
        let mut cargo = process::cargo();
        cargo.args(["bench", "--quiet", "--package", package, "--bench", bench]);
        let printed = process::output(&mut cargo)?;
        let lines = printed.lines().filter_map(|it| serde_json::from_str(it).ok()).collect();
        measures.insert(package.to_owned(), lines);
    }
    let line = measures.get(package).into_iter().flatten().find(|it| it["name"] == name);
    let line = line.with_context(|| format!("`{package}` printed no measure `{name}`"))?;
    let values = line["values"].as_array().context("a measure without values")?;
    Samples::new(values.iter().filter_map(Value::as_f64).collect())
}

/// Durable claims each second.
pub(super) fn claims(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-store", "store", "claims")
}

/// One plan over 10,000 tickets that are ready and that nobody can take.
pub(super) fn plan(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-control", "fleet", "plan")
}

/// What fifty such plans wrote.
pub(super) fn plan_rows(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-control", "fleet", "rows")
}

/// A verdict that ends a ticket, while 10,000 wait.
pub(super) fn verdict(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-control", "fleet", "verdict")
}

/// The same with the plan that follows and the ticket's end.
pub(super) fn complete(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-control", "fleet", "complete")
}

/// The first start of another version, where nothing differs.
pub(super) fn renew_none(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-control", "fleet", "renew_none")
}

/// The same, where every ticket's rows differ.
pub(super) fn renew_all(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-control", "fleet", "renew_all")
}

/// A clean checkout of 5,000 files.
pub(super) fn checkout(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-evidence", "evidence", "checkout")
}

/// A check whose result is known already.
pub(super) fn known_check(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-evidence", "evidence", "known")
}

/// A packet, signed and on disk.
pub(super) fn packet(setting: &Setting) -> Result<Samples> {
    values(setting, "mission-evidence", "evidence", "packet")
}
