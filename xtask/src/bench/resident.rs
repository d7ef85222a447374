//! What a server costs that nobody asks anything: processor, wake-ups, memory; and how soon it is up again.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::server::Server;
use super::{Samples, Setting};

/// How long a server is left alone before it is looked at: threads that wait for more work have ended by then.
pub(super) const SETTLE: Duration = Duration::from_secs(12);

/// How long it is looked at, and how often.
const WINDOW: Duration = Duration::from_secs(5);
const WINDOWS: usize = 4;

/// What the server and its helpers used while nothing changed.
pub(super) struct Idle {
    /// Of one core, in percent, for each window.
    processor: Vec<f64>,
    /// Threads that were woken, each second.
    wakes: Vec<f64>,
    /// Of the server alone, in MB.
    memory: f64,
}

/// Looks at a server of 1,000 tickets with a board open in a browser, after its pages were looked at.
fn idle(setting: &Setting) -> Result<&Idle> {
    if let Some(known) = setting.idle.get() {
        return Ok(known);
    }
    let server = Server::start(setting.thousand()?)?;
    for page in ["/needs-you", "/board", "/fleet", "/tickets/BN-7", "/api/v1/tickets"] {
        server.get(page)?;
    }
    let _open = server.stream("/live?page=board")?;
    std::thread::sleep(SETTLE);
    let mut found =
        Idle { processor: Vec::new(), wakes: Vec::new(), memory: memory(server.pid())? };
    for _ in 0..WINDOWS {
        let (before, at) = (used(server.pid())?, Instant::now());
        std::thread::sleep(WINDOW);
        let (after, seconds) = (used(server.pid())?, at.elapsed().as_secs_f64());
        found.processor.push((after.seconds - before.seconds) / seconds * 100.0);
        found.wakes.push((after.wakes - before.wakes) / seconds);
    }
    Ok(setting.idle.get_or_init(|| found))
}

/// What a process and its children used since they began.
pub(super) struct Used {
    pub(super) seconds: f64,
    wakes: f64,
}

pub(super) fn used(pid: u32) -> Result<Used> {
    let mut sum = Used { seconds: 0.0, wakes: 0.0 };
    for process in family(pid)? {
        for thread in threads(process)? {
            let spent = fs::read_to_string(thread.join("schedstat"))?;
            let spent = spent.split(' ').next().and_then(|it| it.parse::<f64>().ok());
            sum.seconds += spent.context("the time a thread ran is not told")? / 1e9;
            let status = fs::read_to_string(thread.join("status"))?;
            sum.wakes += field(&status, "voluntary_ctxt_switches:")?;
        }
    }
    Ok(sum)
}

/// Returns `pid`, its children and their children.
fn family(pid: u32) -> Result<Vec<u32>> {
    let mut all = vec![pid];
    for thread in threads(pid)? {
        let children = fs::read_to_string(thread.join("children"))?;
        for child in children.split_whitespace() {
            all.extend(family(child.parse()?)?);
        }
    }
    Ok(all)
}

fn threads(pid: u32) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))?;
    entries.map(|it| Ok(it?.path())).collect()
}

/// Returns the memory that a process holds, in MB of a million bytes.
fn memory(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(field(&status, "VmRSS:")? * 1024.0 / 1e6)
}

fn field(status: &str, name: &str) -> Result<f64> {
    let line = status.lines().find_map(|it| it.strip_prefix(name));
    let number = line.and_then(|it| it.split_whitespace().next()?.parse().ok());
    number.with_context(|| format!("the system does not tell `{name}`"))
}

/// The share of one core, in percent.
pub(super) fn processor(setting: &Setting) -> Result<Samples> {
    Samples::new(idle(setting)?.processor.clone())
}

/// How often any of its threads wakes, each second.
pub(super) fn wakes(setting: &Setting) -> Result<Samples> {
    Samples::new(idle(setting)?.wakes.clone())
}

/// What it holds, in MB.
pub(super) fn resident(setting: &Setting) -> Result<Samples> {
    Samples::new(vec![idle(setting)?.memory])
}

/// From starting `mission up` in a home of 1,000 tickets to its first answer.
pub(super) fn warm_start(setting: &Setting) -> Result<Samples> {
    let place = setting.thousand()?;
    drop(Server::start(place)?);
    let mut times = Vec::new();
    for _ in 0..setting.runs.min(15) {
        let at = Instant::now();
        let server = Server::start(place)?;
        times.push(at.elapsed().as_secs_f64() * 1000.0);
        ensure!(server.pid() > 0);
    }
    Samples::new(times)
}
