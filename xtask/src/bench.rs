//! `cargo xtask bench`: a registry of benchmarks, each a function that measures, with an aim beside the measured.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use crate::process;

mod browser;
mod cli;
mod dispatch;
mod inside;
mod lanes;
mod pages;
mod place;
mod registry;
mod report;
mod resident;
mod server;

pub(crate) use report::{Aim, Samples};

use place::Place;
use registry::{BENCHES, Bench};
use server::Server;

/// How many tickets a full home has, and a very full one.
const THOUSAND: usize = 1_000;
const TEN_THOUSAND: usize = 10_000;

/// Which benchmarks to run and where the result goes.
#[derive(Args)]
pub(crate) struct Options {
    /// Runs only benchmarks whose name contains this text
    only: Option<String>,
    /// Measured runs of each benchmark
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Writes the table to docs/benchmarks.md
    #[arg(long)]
    write: bool,
    /// Measures this `mission` instead of building one
    #[arg(long, conflicts_with = "write")]
    mission: Option<PathBuf>,
}

/// What every benchmark gets. What takes long to make is made by the first that wants it.
pub(crate) struct Setting {
    /// The `mission` binary of the release profile.
    mission: PathBuf,
    /// How many samples to take.
    runs: u32,
    thousand: OnceCell<Place>,
    ten_thousand: OnceCell<Place>,
    idle: OnceCell<resident::Idle>,
    quiet: OnceCell<lanes::Quiet>,
    /// By package: what its own bench program printed.
    inside: RefCell<BTreeMap<String, Vec<Value>>>,
}

impl Setting {
    fn new(mission: PathBuf, runs: u32) -> Self {
        Self {
            mission,
            runs,
            thousand: OnceCell::new(),
            ten_thousand: OnceCell::new(),
            idle: OnceCell::new(),
            quiet: OnceCell::new(),
            inside: RefCell::default(),
        }
    }

    /// Returns a home with 1,000 tickets; no server is up.
    fn thousand(&self) -> Result<&Place> {
        self.filled(&self.thousand, THOUSAND)
    }

    /// Returns a home with 10,000 tickets; no server is up.
    fn ten_thousand(&self) -> Result<&Place> {
        self.filled(&self.ten_thousand, TEN_THOUSAND)
    }

    fn filled<'a>(&self, cell: &'a OnceCell<Place>, count: usize) -> Result<&'a Place> {
        if let Some(place) = cell.get() {
            return Ok(place);
        }
        let place = Place::new(self)?;
        Server::start(&place)?.fill(count)?;
        Ok(cell.get_or_init(|| place))
    }
}

/// Builds the binary, measures, prints the page. A benchmark that cannot run fails the task and is shown as
/// such; one that misses its aim does not.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let mission = options.mission.clone().map_or_else(build_mission, Ok)?;
    let setting = Setting::new(mission, options.runs);
    let wanted =
        |bench: &&Bench| options.only.as_deref().is_none_or(|text| bench.name.contains(text));
    let mut lines = Vec::new();
    for bench in BENCHES.iter().filter(wanted) {
        eprintln!("measuring {} …", bench.name);
        let result = (bench.measure)(&setting);
        if let Err(error) = &result {
            eprintln!("{}: {error:#}", bench.name);
        }
        let Bench { name, aim, how, .. } = *bench;
        lines.push(report::Line { name, aim, how, result: result.ok() });
    }
    ensure!(!lines.is_empty(), "no benchmark has that name");
    let page = report::page(&lines, &machine()?);
    print!("{page}");
    if options.write {
        let path = process::root().join("docs/benchmarks.md");
        fs::write(&path, &page).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(lines.iter().all(|line| line.result.is_some()))
}

/// Returns what the figures depend on: cores, processor, system, and what else ran.
fn machine() -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|it| it.strip_prefix("model name")?.split_once(": "));
    let cpu = cpu.map_or("of unknown kind", |it| it.1);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    Ok(format!("{cores} cores ({cpu}), Linux {}, load average {load} at the end", kernel.trim()))
}

/// Builds the binary in the release profile and returns where it is.
pub(crate) fn build_mission() -> Result<PathBuf> {
    build(&["mission"])
}

/// Builds the binaries of `packages` in the release profile and returns where `mission` is; the others lie beside it.
pub(crate) fn build(packages: &[&str]) -> Result<PathBuf> {
    let mut build = process::cargo();
    build.args(["build", "--release"]);
    packages.iter().for_each(|it| {
        build.args(["--package", it]);
    });
    ensure!(
        process::passes(&mut build)?,
        "`cargo build --release` of {} failed",
        packages.join(" and ")
    );
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| process::root().join("target"), PathBuf::from);
    Ok(target.join("release/mission"))
}
