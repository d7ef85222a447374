//! What the lanes themselves wrote down: their shims' records, beside the log of the server.

use std::collections::{BTreeMap, BTreeSet};

use mission_domain::ids::{AttemptId, MessageId};
use mission_domain::ticket::{Event, Ticket};
use mission_runtime::LaneFiles;
use mission_runtime::record::Record;
use mission_runtime::record_log::read_after;

use crate::demo::Demo;

/// Proves that no lane was given a message twice in one turn, and that what a lane was given and told, and the server heard of, is in the
/// log; returns how many turns there were.
pub(crate) fn agree(demo: &Demo, tickets: &[Ticket], events: &[Event]) -> usize {
    let taken = delivered(events);
    let mut turns = 0;
    for attempt in tickets.iter().flat_map(|it| &it.attempts) {
        let files = LaneFiles::new(&demo.home().join("lanes").join(attempt.id.to_string()));
        let records = read_after(&files.records(), 0).expect("the records of a lane");
        let numbers: Vec<u64> = records.iter().map(|it| it.number).collect();
        assert_eq!(numbers, (1..=records.len() as u64).collect::<Vec<_>>(), "{}", attempt.id);
        let mut given = BTreeSet::new();
        for record in &records {
            let Record::TurnDelivered { turn, messages } = &record.record else { continue };
            turns += 1;
            for id in messages {
                assert!(
                    given.insert(*id),
                    "{id} was given twice to {}, in turn {turn}",
                    attempt.id
                );
                let is_heard = record.number <= attempt.last_record;
                let is_known = taken.get(&attempt.id).is_some_and(|it| it.contains(id));
                assert!(is_known || !is_heard, "{id} was given to {} unseen", attempt.id);
            }
        }
        let reports = records.iter().filter(|it| matches!(it.record, Record::Report { .. }));
        let unheard = reports.filter(|it| it.number > attempt.last_record).count();
        assert!(unheard == 0 || attempt.report.is_none(), "{} reported unheard", attempt.id);
    }
    turns
}

fn delivered(events: &[Event]) -> BTreeMap<AttemptId, BTreeSet<MessageId>> {
    let mut taken: BTreeMap<AttemptId, BTreeSet<MessageId>> = BTreeMap::new();
    for event in events {
        if let Event::MessagesDelivered { ids, attempt, .. } = event {
            taken.entry(*attempt).or_default().extend(ids);
        }
    }
    taken
}
