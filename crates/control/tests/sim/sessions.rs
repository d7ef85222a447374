//! What must be true of the sessions that lanes keep after every crash schedule, read from the log alone.

use std::collections::{BTreeMap, BTreeSet};

use mission_domain::doc::EventDoc;
use mission_domain::ids::{AttemptId, RoleId, RuntimeId};
use mission_domain::sessions::{Start, Warm};
use mission_domain::ticket::{Event, Purpose};

use crate::laws::read;

/// Whose an attempt is: its project, role and runtime.
type Lane = (String, RoleId, RuntimeId);

/// Returns the session of its lane that an attempt was to go on with.
pub(crate) fn carried(warm: &Warm) -> Option<&str> {
    match &warm.start {
        Start::Carried { id, .. } => Some(id),
        Start::Anew { .. } => None,
    }
}

/// A session is in one attempt at a time, and in no other lane, role, project or runtime than the one that began it; nobody goes on
/// with that of a verdict. Returns how many attempts went on with one.
pub(crate) fn sessions_hold(log: &[EventDoc]) -> u64 {
    let mut lanes: BTreeMap<AttemptId, (Lane, Purpose)> = BTreeMap::new();
    let mut owners: BTreeMap<String, Lane> = BTreeMap::new();
    let mut at_work: BTreeMap<String, AttemptId> = BTreeMap::new();
    let mut users: BTreeMap<String, BTreeSet<AttemptId>> = BTreeMap::new();
    let mut gone_on = 0;
    let told = ["claimed", "session_opened", "attempt_ended"];
    for doc in log.iter().filter(|it| told.contains(&it.kind.as_str())) {
        let (event, _) = read(doc);
        let taken = match &event {
            Event::Claimed(it) => {
                let project = doc.project.clone().expect("a ticket's project");
                let lane = (project, it.role.clone(), it.runtime.clone());
                lanes.insert(it.attempt, (lane, it.purpose));
                let id = it.warm.as_deref().and_then(carried);
                gone_on += u64::from(id.is_some());
                id.map(|id| (id.to_owned(), it.attempt))
            }
            Event::SessionOpened { attempt, session, .. } => Some((session.id.clone(), *attempt)),
            Event::AttemptEnded { attempt, .. } => {
                at_work.retain(|_, it| it != attempt);
                None
            }
            _ => None,
        };
        let Some((id, attempt)) = taken else { continue };
        let before = at_work.insert(id.clone(), attempt);
        assert!(
            before.is_none_or(|it| it == attempt),
            "{id} is in {before:?} and in {attempt} at event {}",
            doc.seq
        );
        let lane = &lanes[&attempt].0;
        let owner = owners.entry(id.clone()).or_insert_with(|| lane.clone());
        assert_eq!(owner, lane, "{id} came to another lane with {attempt}");
        let users = users.entry(id.clone()).or_default();
        users.insert(attempt);
        let has_verdict = users.iter().any(|it| lanes[it].1 != Purpose::Deliver);
        assert!(users.len() == 1 || !has_verdict, "{id} of a verdict was in {users:?}");
    }
    gone_on
}
