//! Benchmarks of the command line: wall time of whole `mission` processes, with and without a server.

use anyhow::Result;

use super::place::Place;
use super::server::Server;
use super::{Samples, Setting};

/// How many tickets the short list has.
const FEW: usize = 10;

fn new(place: &Place, runs: u32) -> Result<Samples> {
    let is_a_key = |printed: &str| {
        let number = printed.trim().rsplit_once('-').map(|(_, number)| number.parse::<u32>());
        matches!(number, Some(Ok(_)))
    };
    place.time(runs, &["ticket", "new", "A ticket to measure", "--park"], is_a_key)
}

fn list(place: &Place, runs: u32) -> Result<Samples> {
    let keys = place.file(FEW)?;
    place.time(runs, &["ticket", "list"], |printed| keys.iter().all(|key| printed.contains(key)))
}

fn show(place: &Place, runs: u32) -> Result<Samples> {
    let keys = place.file(FEW)?;
    place.time(runs, &["ticket", "show", &keys[5]], |it| it.contains("Ticket number 5"))
}

/// `mission ticket new`, which commits durably.
pub(super) fn ticket_new(setting: &Setting) -> Result<Samples> {
    new(&Place::new(setting)?, setting.runs)
}

/// `mission ticket list` with ten tickets.
pub(super) fn ticket_list(setting: &Setting) -> Result<Samples> {
    list(&Place::new(setting)?, setting.runs)
}

/// `mission ticket show` of one of ten tickets.
pub(super) fn ticket_show(setting: &Setting) -> Result<Samples> {
    show(&Place::new(setting)?, setting.runs)
}

/// `mission ticket new` with a server up.
pub(super) fn served_new(setting: &Setting) -> Result<Samples> {
    let place = Place::new(setting)?;
    let _server = Server::start(&place)?;
    new(&place, setting.runs)
}

/// `mission ticket list` of ten tickets with a server up.
pub(super) fn served_list(setting: &Setting) -> Result<Samples> {
    let place = Place::new(setting)?;
    let _server = Server::start(&place)?;
    list(&place, setting.runs)
}

/// `mission ticket show` with a server up.
pub(super) fn served_show(setting: &Setting) -> Result<Samples> {
    let place = Place::new(setting)?;
    let _server = Server::start(&place)?;
    show(&place, setting.runs)
}

/// `mission ticket list` as the human table of 10,000 tickets.
pub(super) fn long_list(setting: &Setting) -> Result<Samples> {
    list_of_many(setting.ten_thousand()?, setting.runs)
}

/// The same with a server up.
pub(super) fn served_long_list(setting: &Setting) -> Result<Samples> {
    let place = setting.ten_thousand()?;
    let _server = Server::start(place)?;
    list_of_many(place, setting.runs)
}

fn list_of_many(place: &Place, runs: u32) -> Result<Samples> {
    place.time(runs, &["ticket", "list"], |it| it.lines().count() > super::TEN_THOUSAND)
}
