//! Schedules: which are due, which are skipped since the ticket of the run before is still open, and when the next one comes.

use super::{Action, Fleet, ProjectFacts};
use crate::day::zone_or_utc;
use crate::home::{ScheduleMark, schedule_name};
use crate::ids::{ProjectKey, Timestamp};
use crate::rules::Schedule;
use crate::schedule;

/// A run that is filed later than this was missed, in seconds.
const LATE_S: i64 = 120;

/// What is to be done about schedules now.
pub(super) fn due(fleet: &Fleet<'_>, actions: &mut Vec<Action>) {
    for (project, schedule) in all(fleet) {
        actions.extend(one(fleet, project, schedule));
    }
    for mark in fleet.home.schedules.values().filter(|it| !it.is_dropped) {
        let facts = fleet.projects.get(&mark.project);
        if facts.is_some_and(|it| !it.rules.schedules.contains_key(&mark.schedule)) {
            let (project, schedule) = (mark.project.clone(), mark.schedule.clone());
            actions.push(Action::DropSchedule { project, schedule });
        }
    }
}

/// Returns when the next schedule comes due.
pub(super) fn next_moment(fleet: &Fleet<'_>) -> Option<Timestamp> {
    all(fleet)
        .filter_map(|(_, it)| schedule::next(&it.cron, &zone_or_utc(&it.time_zone), fleet.now))
        .min()
}

/// Returns the schedules of projects whose rules a person agreed to.
fn all<'a>(fleet: &Fleet<'a>) -> impl Iterator<Item = (&'a ProjectKey, &'a Schedule)> {
    let of = |(key, facts): (&'a ProjectKey, &'a ProjectFacts)| {
        facts.rules.schedules.values().map(move |it| (key, it))
    };
    fleet.projects.iter().filter(|it| it.1.trusted).flat_map(of)
}

fn one(fleet: &Fleet<'_>, project: &ProjectKey, it: &Schedule) -> Option<Action> {
    let (key, schedule) = (project.clone(), it.id.clone());
    let mark = fleet.home.schedules.get(&schedule_name(project, &it.id));
    let is_it = |mark: &&ScheduleMark| {
        !mark.is_dropped && mark.cron == it.cron && mark.time_zone == it.time_zone
    };
    let Some(mark) = mark.filter(is_it) else {
        // One that is new begins now: nothing of it was missed.
        let (cron, time_zone) = (it.cron.clone(), it.time_zone.clone());
        return Some(Action::SetSchedule { project: key, schedule, cron, time_zone });
    };
    let zone = zone_or_utc(&it.time_zone);
    let (due, is_only) = schedule::due(&it.cron, &zone, mark.handled, fleet.now)?;
    let open = mark.ticket.as_ref().and_then(|it| fleet.tickets.get(it));
    if let Some(open) = open.filter(|it| !it.is_ended()) {
        let why = format!("{} of the run before is still open", open.key);
        return Some(Action::SkipSchedule { project: key, schedule, due, why });
    }
    let is_late = fleet.now.duration_since(due).as_secs() > LATE_S;
    let caught_up = is_late || !is_only;
    Some(Action::RunSchedule { project: key, schedule, due, caught_up })
}
