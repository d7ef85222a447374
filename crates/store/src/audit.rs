//! The rules that a sound log keeps, checked event by event. No IO.

use std::collections::HashMap;
use std::fmt;

use mission_domain::doc::EventDoc;

use crate::chain::{self, GENESIS};
use crate::{Error, Finding, Verification};

/// What has been seen so far, and what was wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    result: Verification,
    seq: u64,
    chains: HashMap<String, (u64, String)>,
    versions: HashMap<String, u64>,
}

impl Audit {
    /// Checks the next event of the log; `body` is its body's text as stored.
    pub(crate) fn event(&mut self, stream: &str, event: &EventDoc, body: &str) {
        self.result.events += 1;
        let seq = event.seq;
        let before = self.seq;
        if seq != before + 1 {
            self.note(seq, format_args!("it follows event {before}: events are missing"));
        }
        self.seq = seq;
        let name = event.project.clone().unwrap_or_else(|| "home".into());
        let is_next =
            event.prev == self.chains.get(&name).map_or(GENESIS, |(_, hash)| hash.as_str());
        if !is_next {
            self.note(seq, format_args!("it does not continue the chain of `{name}`"));
        }
        if chain::hash_with(event, body) != event.hash {
            self.note(seq, format_args!("its hash is not the one of its content"));
        }
        self.chains.insert(name, (seq, event.hash.clone()));
        let version = event.version.map_or(0, |version| version.0);
        let before = self.versions.insert(stream.to_owned(), version).unwrap_or_default();
        if version != before + 1 {
            self.note(seq, format_args!("version {version} of `{stream}` follows {before}"));
        }
    }

    /// Notes an event that cannot be read at all.
    pub(crate) fn unreadable(&mut self, seq: i64, problem: &Error) {
        self.result.events += 1;
        self.seq = u64::try_from(seq).unwrap_or_default();
        self.note(self.seq, format_args!("it cannot be read: {problem}"));
    }

    /// Checks a chain's kept head, or the log's, after the last event.
    pub(crate) fn head(&mut self, name: &str, seq: u64, hash: &str) {
        let seen = match name {
            "log" => (self.seq, String::new()),
            chain => self.chains.remove(chain).unwrap_or_default(),
        };
        if seen != (seq, hash.to_owned()) {
            let last = seen.0;
            self.state(format_args!("`{name}` should end with event {seq} and ends with {last}"));
        }
    }

    /// Checks a stream's kept version after the last event.
    pub(crate) fn version(&mut self, stream: &str, version: u64) {
        let seen = self.versions.remove(stream).unwrap_or_default();
        if seen != version {
            self.state(format_args!(
                "`{stream}` is kept at version {version}, its events end at {seen}"
            ));
        }
    }

    /// Notes a ticket that no list shows.
    pub(crate) fn without_row(&mut self, stream: &str) {
        self.state(format_args!("`{stream}` has events and no row"));
    }

    /// Returns what was found.
    pub(crate) fn finish(mut self) -> Verification {
        let streams: Vec<_> = std::mem::take(&mut self.versions).into_keys().collect();
        for stream in streams {
            self.state(format_args!("`{stream}` has events and no state"));
        }
        let chains: Vec<_> = std::mem::take(&mut self.chains).into_keys().collect();
        for name in chains {
            self.state(format_args!("the chain of `{name}` has no kept end"));
        }
        self.result
    }

    fn note(&mut self, seq: u64, what: fmt::Arguments<'_>) {
        self.result.findings.push(Finding { seq: Some(seq), what: what.to_string() });
    }

    fn state(&mut self, what: fmt::Arguments<'_>) {
        self.result.findings.push(Finding { seq: None, what: what.to_string() });
    }
}
