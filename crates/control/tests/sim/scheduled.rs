//! What must be true of schedules after every crash schedule, read from the log alone.

use mission_domain::doc::EventDoc;
use mission_domain::ids::TicketKey;
use mission_domain::ticket::replay;

use crate::laws::{by_ticket, read};

/// A schedule files one ticket for each time that it is due at the most, none while the one before is open, and no other one says
/// that it was filed so. Returns how many were filed and how many runs were skipped.
pub(crate) fn schedules_hold(log: &[EventDoc]) -> [u64; 2] {
    let tickets = by_ticket(log.to_vec());
    let mut filed: Vec<(String, TicketKey)> = Vec::new();
    let (mut last_due, mut skipped) = (String::new(), 0);
    for doc in log.iter().filter(|it| it.kind == "schedule_ran" || it.kind == "schedule_skipped") {
        let text = |field: &str| doc.body[field].as_str().expect("a text").to_owned();
        let due = text("due");
        assert!(due > last_due, "what was due at {due} was looked after twice: {filed:?}");
        last_due.clone_from(&due);
        if doc.kind == "schedule_skipped" {
            skipped += 1;
            continue;
        }
        if let Some((_, before)) = filed.last() {
            let then = tickets[before].iter().filter(|it| it.seq < doc.seq).map(read);
            let then: Vec<_> = then.collect();
            let ticket = replay(then.iter().map(|it| (&it.0, &it.1))).expect("an opening");
            assert!(ticket.is_ended(), "{before} is open when {} is filed", text("ticket"));
        }
        filed.push((due, text("ticket").parse().expect("a key")));
    }
    let of_schedule =
        log.iter().filter(|it| it.kind == "opened" && it.body["channel"] == "schedule");
    let keys: Vec<TicketKey> =
        of_schedule.filter_map(|it| it.ticket.as_deref()?.parse().ok()).collect();
    assert_eq!(
        filed.iter().map(|it| it.1.clone()).collect::<Vec<_>>(),
        keys,
        "tickets and runs differ"
    );
    [filed.len() as u64, skipped]
}
