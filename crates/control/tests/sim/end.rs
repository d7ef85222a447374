//! How a schedule ends: the plan comes to rest, the process starts once more, and every law is looked at.

use std::collections::BTreeMap;

use mission_control::Error;
use mission_domain::doc::EventDoc;
use mission_domain::ids::{Epoch, TicketKey, Version};
use mission_domain::plan::Action;
use mission_domain::ticket::Ticket;
use mission_store::{Change, LeaseChange, NewEvent, Snapshot, Stream, TicketFilter, Write};

use crate::chance::Chance;
use crate::laws;
use crate::play::{Leaves, Play};

/// How often the plan is carried out until it must be empty.
const ROUNDS: usize = 60;

impl Play {
    /// Looks at everything that must be true now.
    pub(crate) fn ends(&mut self) {
        self.world.arm(None);
        self.comes_to_rest();
        self.reads();
        self.memory_holds();
        let planned = long(self.life().control().planned());
        self.dies(Leaves::Image);
        assert_eq!(long(self.life().control().planned()), planned, "a restart changed the plan");
        self.reads();
        self.tally.events = self.log.len() as u64;
        self.requests_hold();
        self.leases_hold();
        self.tickets_hold();
        self.tally.scheduled = crate::scheduled::schedules_hold(&self.log);
        self.tally.sessions = crate::sessions::sessions_hold(&self.log);
        self.lanes_hold();
        let control = self.life().control();
        let report = self.life().look(control.fsck()).expect("fsck runs");
        // Packets are not written here, only named.
        let found: Vec<_> = report.findings.iter().filter(|it| it.kind != "artifact").collect();
        assert!(found.is_empty(), "fsck: {found:?}");
        drop(control);
    }

    /// What is planned and short is carried out until nothing is left: a plan that was carried out does not come back.
    fn comes_to_rest(&mut self) {
        self.catches_up();
        let control = self.life().control();
        let mut refused: Vec<Action> = Vec::new();
        for _ in 0..ROUNDS {
            let actions: Vec<_> = control.planned().into_iter().filter(|it| !is_long(it)).collect();
            if actions.is_empty() {
                return;
            }
            for action in actions {
                match self.life().look(control.carry_out(action.clone())) {
                    Ok(()) => {}
                    Err(Error::Rejected(why)) => {
                        assert!(
                            !refused.contains(&action),
                            "{action:?} is planned and refused again: {why}"
                        );
                        refused.push(action);
                    }
                    Err(error) => panic!("{action:?}: {error}"),
                }
            }
        }
        panic!("the plan does not come to rest: {:?}", control.planned());
    }

    /// The controller's memory is what the store holds.
    fn memory_holds(&self) {
        let store = self.life().store();
        for key in &self.known {
            let (held, version) = self.ticket(key);
            let (kept, now) =
                self.life().look(store.load(&Stream::Ticket(key.clone()))).expect("a ticket");
            let kept: Ticket = serde_json::from_str(&kept).expect("a ticket");
            assert_eq!((version, &*held), (now, &kept), "{key} in memory is not what is stored");
        }
    }

    /// What was acknowledged is there, and no request took effect twice.
    fn requests_hold(&self) {
        for (seq, hash) in self.world.acknowledged() {
            let kept = usize::try_from(seq - 1).ok().and_then(|at| self.log.get(at));
            assert_eq!(kept.map(|it| &it.hash), Some(&hash), "event {seq} was acknowledged");
        }
        let effects = effects(&self.log);
        for asked in self.asked.iter().filter(|it| it.is_told) {
            let times = effects.get(&asked.key).copied().unwrap_or(0);
            assert!(times <= 1, "{asked:?} took effect {times} times");
            assert!(times == 1 || !asked.is_done, "{asked:?} was answered and took no effect");
        }
    }

    /// Whoever holds a lease is at work, and the other way round.
    fn leases_hold(&self) {
        let store = self.life().store();
        let leases = self.life().look(store.leases()).expect("leases");
        let mut held: Vec<_> =
            leases.into_iter().map(|it| (it.ticket, it.attempt, it.epoch)).collect();
        let live = |key: &TicketKey| {
            let (ticket, _) = self.ticket(key);
            ticket.live_attempt().map(|it| (key.clone(), it.id, it.epoch))
        };
        held.sort();
        assert_eq!(
            held,
            self.known.iter().filter_map(live).collect::<Vec<_>>(),
            "leases and attempts differ"
        );
    }

    /// Whoever has a session of its lane's is at work, and the other way round.
    fn lanes_hold(&self) {
        let home = self.life().control().home();
        let kept = home.sessions.values().flatten();
        let mut held: Vec<_> = kept.filter_map(|it| it.held_by).collect();
        let lent = |key: &TicketKey| {
            let (ticket, _) = self.ticket(key);
            let live = ticket.live_attempt()?;
            crate::sessions::carried(live.warm.as_deref()?).map(|_| live.id)
        };
        held.sort();
        let mut lent: Vec<_> = self.known.iter().filter_map(lent).collect();
        lent.sort();
        assert_eq!(held, lent, "sessions and attempts differ");
    }

    fn tickets_hold(&self) {
        let tickets = laws::by_ticket(self.log.clone());
        assert!(tickets.keys().eq(&self.known));
        for (key, docs) in tickets {
            let (kept, version) = self.ticket(&key);
            assert_eq!(version, Version(docs.len() as u64));
            let ticket = laws::ticket_holds(&docs);
            assert_eq!(ticket, *kept, "{key} is not what its events tell");
            ticket.gates.iter().for_each(|it| laws::passed_lawfully(&ticket, it));
            if let Some(commit) = &ticket.landed_as {
                assert!(
                    self.outside.main.contains(commit),
                    "{key} landed as {commit}, which is not on the default branch"
                );
            }
            let campaign = ticket.parent.as_ref().map(|it| self.ticket(it).0);
            // One that has ended counts no longer.
            let campaign = campaign.filter(|it| !it.is_ended());
            if let Some(campaign) = campaign {
                let counted = campaign.children.get(&key).copied().flatten();
                assert_eq!(counted, ticket.end_how(), "{} counts {key} otherwise", campaign.key);
            }
        }
    }

    /// Somebody writes past the controller under a lease that is over. The store itself must refuse it.
    pub(crate) fn rogue(&mut self, chance: &mut Chance) {
        self.catches_up();
        let keys = self.keys();
        let Some(key) = chance.any(&keys) else { return };
        let (ticket, seen) = self.ticket(&key);
        if ticket.epoch == Epoch(0) {
            return;
        }
        let store = self.life().store();
        let filter = TicketFilter { keys: vec![key.clone()], ..TicketFilter::default() };
        let change = self.life().look(async {
            let mut row =
                store.list(&filter).await.expect("a row").pop().expect("the ticket's row");
            row.view = store.view(&key).await.expect("a document");
            let (aggregate, _) = store.load(&Stream::Ticket(key.clone())).await.expect("a ticket");
            let lease = match ticket.live_attempt() {
                Some(live) if chance.one_in(2) => {
                    let (ticket, attempt) = (key.clone(), live.id);
                    LeaseChange::Take {
                        ticket,
                        attempt,
                        epoch: live.epoch,
                        until: ticket_end(&row),
                    }
                }
                Some(live) => {
                    LeaseChange::End { ticket: key.clone(), epoch: Epoch(live.epoch.0 - 1) }
                }
                None => LeaseChange::End { ticket: key.clone(), epoch: ticket.epoch },
            };
            let event = NewEvent {
                kind: "commented".into(),
                at: row.updated_at,
                principal: "controller".into(),
                attempt: None,
                epoch: None,
                body: serde_json::json!({ "text": "rogue" }),
            };
            let snapshot = Snapshot { aggregate, row: Some(row) };
            let (stream, projections) = (Stream::Ticket(key.clone()), Vec::new());
            let (events, leases) = (vec![event], vec![lease]);
            let write = Write { stream, seen, events, snapshot, projections, leases };
            Change { writes: vec![write], idempotency: None }
        });
        let refused = self.life().look(store.append(change));
        assert!(
            matches!(refused, Err(mission_store::Error::StaleEpoch { .. })),
            "a write under a lease that is over: {refused:?}"
        );
        self.tally.fenced += 1;
    }
}

fn ticket_end(row: &mission_store::TicketRow) -> mission_domain::ids::Timestamp {
    row.updated_at + jiff::SignedDuration::from_secs(60)
}

/// Returns whether an action takes a process or git, and so is not carried out here.
fn is_long(action: &Action) -> bool {
    matches!(
        action,
        Action::Claim { .. }
            | Action::Observe { .. }
            | Action::Check { .. }
            | Action::RunApproved { .. }
            | Action::Land { .. }
    )
}

fn long(actions: Vec<Action>) -> Vec<String> {
    let mut all: Vec<_> = actions.iter().map(|it| format!("{it:?}")).collect();
    all.sort();
    all
}

/// Returns how often each request took effect, by the text that only it used.
fn effects(docs: &[EventDoc]) -> BTreeMap<String, u32> {
    let mut told: BTreeMap<(Option<String>, String), String> = BTreeMap::new();
    let mut effects = BTreeMap::new();
    for doc in docs {
        let field =
            |path: &str| doc.body.pointer(path).and_then(|it| it.as_str()).map(str::to_owned);
        let text = match doc.kind.as_str() {
            "message_queued" => {
                let (id, text) = (field("/id").unwrap_or_default(), field("/text"));
                told.insert((doc.ticket.clone(), id), text.clone().unwrap_or_default());
                text
            }
            "message_repeated" => {
                told.get(&(doc.ticket.clone(), field("/id").unwrap_or_default())).cloned()
            }
            "commented" => field("/text"),
            "opened" => field("/title"),
            "cancelled" | "retried" => field("/reason"),
            "judged" => field("/signoff/reason"),
            _ => None,
        };
        if let Some(text) = text {
            *effects.entry(text).or_insert(0) += 1;
        }
    }
    effects
}
