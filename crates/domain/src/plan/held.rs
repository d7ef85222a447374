//! What holds a queued ticket, in words.

use super::{Choice, Fleet, Queued, Running, choose, driver_of};
use crate::home::lane_name;
use crate::rules::Driver;
use crate::ticket::{Owed, Ticket};

/// Returns what holds a queued ticket, in words: for `mission ticket why` and the lane page.
pub fn held_by(fleet: &Fleet<'_>, ticket: &Ticket) -> Option<String> {
    let Owed::Dispatch { gate, role, purpose } = ticket.owed(fleet.now) else { return None };
    let running = Running::of(fleet);
    let queued = Queued { ticket, gate, role, purpose };
    if let Some(why) = closed(fleet, &queued, &running) {
        return Some(why);
    }
    match choose(fleet, &queued, &running) {
        Choice::Runtime(id, _) if driver_of(fleet, ticket, &id) == Some(Driver::Person) => None,
        Choice::Runtime(..) => spent(fleet, &queued),
        Choice::Person(why) | Choice::Nobody(why) => Some(why),
    }
}

/// Returns what keeps a lane elsewhere from taking a queued ticket: whatever keeps one here from it, but for the runtime.
pub fn held_elsewhere(fleet: &Fleet<'_>, ticket: &Ticket) -> Option<String> {
    let Owed::Dispatch { gate, role, purpose } = ticket.owed(fleet.now) else { return None };
    let queued = Queued { ticket, gate, role, purpose };
    closed(fleet, &queued, &Running::of(fleet)).or_else(|| spent(fleet, &queued))
}

/// Returns why the lane of a queued ticket takes nothing now, whatever its runtimes.
fn closed(fleet: &Fleet<'_>, queued: &Queued<'_>, running: &Running) -> Option<String> {
    if let Some((why, until)) = &fleet.home.outage {
        return Some(format!("{why} until {until}"));
    }
    let (project, role) = (queued.ticket.key.project(), &queued.role);
    let Some(facts) = fleet.projects.get(project) else {
        return Some(format!("project {project} cannot be read now"));
    };
    if !facts.trusted {
        return Some(format!(
            "nobody agreed yet to run the commands of {project}; `mission init` in it asks"
        ));
    }
    let lane = lane_name(project, role);
    if fleet.home.paused.contains(&lane) {
        return Some(format!("lane {lane} is paused; `mission lane resume {role}` lets it go on"));
    }
    (!running.has_slot(fleet, queued)).then(|| format!("all slots of {lane} are taken"))
}

fn spent(fleet: &Fleet<'_>, queued: &Queued<'_>) -> Option<String> {
    let spent = fleet.home.spent_budget(queued.ticket.key.project(), &queued.role, fleet.now);
    spent.map(|it| it.text.clone())
}
