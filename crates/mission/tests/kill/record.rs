//! What must be true of the record after all the kills, read from the store of the home.

use mission_domain::ids::TicketKey;
use mission_domain::ticket::{Event, MessageState};
use mission_store::{EventFilter, Role, open_sqlite};

use crate::demo::Demo;
use crate::ledger::Ledger;
use crate::{lanes, laws};

/// Proves it, and returns what was looked at in a few words.
pub(crate) fn holds(demo: &Demo, ledger: &Ledger) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let docs = runtime.block_on(async {
        let store = open_sqlite(&demo.home(), Role::Reader).await.expect("the store opens");
        let verification = store.verify().await.expect("the log can be read");
        assert_eq!(verification.findings, []);
        assert_eq!(store.leases().await.expect("leases"), [], "somebody still holds a ticket");
        store.events(&EventFilter::default()).await.expect("the log")
    });
    let seqs: Vec<u64> = docs.iter().map(|it| it.seq).collect();
    assert_eq!(seqs, (1..=docs.len() as u64).collect::<Vec<_>>(), "the log has gaps");
    let (events, mut claims, mut landed) = (docs.len(), 0, Vec::new());
    let (mut tickets, mut told) = (Vec::new(), Vec::new());
    for (key, docs) in laws::by_ticket(docs) {
        let ticket = laws::ticket_holds(&docs);
        told.extend(docs.iter().map(|it| laws::read(it).0));
        claims += docs.iter().filter(|it| matches!(laws::read(it).0, Event::Claimed(_))).count();
        for message in &ticket.messages {
            let is_settled =
                !matches!(message.state, MessageState::Queued | MessageState::Delivered);
            assert!(
                is_settled || !ticket.is_ended(),
                "{} of {key} is {}",
                message.id,
                message.state
            );
        }
        landed.extend(ticket.landed_as.clone().map(|commit| (key, commit)));
        tickets.push(ticket);
    }
    let kept = ledger.is_kept(&tickets);
    let turns = lanes::agree(demo, &tickets, &told);
    landed.iter().for_each(|(key, commit)| is_on_main(demo, key, commit.as_str()));
    format!(
        "{events} events, {claims} claims, {turns} turns, {} landed, {kept} messages acknowledged",
        landed.len()
    )
}

#[expect(clippy::disallowed_methods, reason = "git says what is on a branch")]
fn is_on_main(demo: &Demo, key: &TicketKey, commit: &str) {
    let mut git = std::process::Command::new("git");
    git.arg("-C").arg(demo.repository()).args([
        "merge-base",
        "--is-ancestor",
        commit,
        "refs/heads/main",
    ]);
    assert!(
        git.status().expect("git").success(),
        "{key} landed as {commit}, which `main` does not hold"
    );
}
