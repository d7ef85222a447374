//! Files the tickets of schedules that are due, each in one transaction with the note that it was, and shows how schedules stand.

use mission_domain::day::zone_or_utc;
use mission_domain::doc::ScheduleDoc;
use mission_domain::home::{HomeCommand, ScheduleMark, schedule_name};
use mission_domain::ids::{ProjectKey, TicketKey, Timestamp, Version};
use mission_domain::principal::Principal;
use mission_domain::rules::Schedule;
use mission_domain::schedule;
use mission_domain::ticket::{Kind, NewTicket, Rejection, Stamp, Ticket, open, replay};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::write::ticket_write;

/// How often a new ticket's number is tried again when somebody else took it.
const MAX_TRIES: u32 = 20;

/// What a schedule files goes by this name.
const CHANNEL: &str = "schedule";

impl Control {
    /// Files the ticket of a schedule, once for each time that it is due, whoever else tries.
    pub(crate) async fn run_schedule(
        &self,
        project: &ProjectKey,
        id: &str,
        due: Timestamp,
        caught_up: bool,
    ) -> Result<()> {
        let rules = self.rules(project).await?;
        let Some(schedule) = rules.schedules.get(id) else { return Ok(()) };
        for _ in 0..MAX_TRIES {
            match self.try_schedule(project, schedule, due, caught_up).await {
                Ok(Some(ticket)) => {
                    let opened = &ticket.1;
                    self.take_in(ticket.0.into(), Version(1), std::slice::from_ref(opened)).await;
                    return Ok(());
                }
                Ok(None) => return Ok(()),
                Err(Error::Rejected(refusal)) => {
                    return self.skip_schedule(project, id, due, &refusal).await;
                }
                Err(Error::Store(
                    mission_store::Error::Conflict { .. } | mission_store::Error::Taken(_),
                )) => self.load_home().await?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::Invalid("too many tickets are filed at once; it is tried again".into()))
    }

    /// A ticket that cannot be filed now cannot be a moment later either: the next run tries again.
    async fn skip_schedule(
        &self,
        project: &ProjectKey,
        id: &str,
        due: Timestamp,
        refusal: &Rejection,
    ) -> Result<()> {
        let (project, schedule) = (project.clone(), id.to_owned());
        let why = format!("the ticket could not be filed: {refusal}");
        let command = HomeCommand::SkipSchedule { project, schedule, due, why };
        self.execute_home(command, &Principal::Controller).await
    }

    /// Appends ticket and note, all or none. Nothing where it was done already.
    async fn try_schedule(
        &self,
        project: &ProjectKey,
        schedule: &Schedule,
        due: Timestamp,
        caught_up: bool,
    ) -> Result<Option<(Ticket, mission_domain::ticket::Event)>> {
        let by = Principal::Controller;
        let rules = self.rules(project).await?;
        let _turn = self.inner.home_turn.lock().await;
        let key = TicketKey::new(project.clone(), self.store().last_number(project).await? + 1);
        let command = HomeCommand::RunSchedule {
            project: project.clone(),
            schedule: schedule.id.clone(),
            due,
            ticket: key.clone(),
            caught_up,
        };
        let Some((home_write, home, version)) = self.home_part(command, &by)? else {
            return Ok(None);
        };
        let now = self.now();
        let opened = open(new_ticket(key, schedule), &self.context(&by, &rules, now))?;
        let stamp = Stamp { at: now, by };
        let ticket = replay([(&opened, &stamp)]).expect("the event opens a ticket");
        let write = ticket_write(Version(0), &ticket, std::slice::from_ref(&opened), &stamp);
        self.append(vec![write, home_write]).await?;
        let mut fleet = self.fleet();
        fleet.home = home;
        fleet.home_version = version;
        Ok(Some((ticket, opened)))
    }

    /// Returns every schedule with its last run and its next.
    ///
    /// # Errors
    /// What the store said.
    pub async fn schedules(&self, only: Option<&ProjectKey>) -> Result<Vec<ScheduleDoc>> {
        let (now, home) = (self.now(), self.home());
        let mut docs = Vec::new();
        for project in self.projects(only).await {
            for it in project.rules.schedules.values() {
                let mark = home.schedules.get(&schedule_name(&project.key, &it.id));
                docs.push(schedule_doc(&project.key, it, mark, now));
            }
        }
        Ok(docs)
    }
}

fn new_ticket(key: TicketKey, schedule: &Schedule) -> NewTicket {
    let it = schedule.ticket.clone();
    NewTicket {
        key,
        title: it.title,
        body: it.body,
        kind: Kind::Task,
        priority: it.priority,
        labels: it.labels,
        workflow: it.workflow,
        campaign_workflow: None,
        policy: it.policy,
        parent: None,
        blocked_by: Vec::new(),
        not_before: None,
        parked: false,
        channel: CHANNEL.into(),
    }
}

fn schedule_doc(
    project: &ProjectKey,
    it: &Schedule,
    mark: Option<&ScheduleMark>,
    now: Timestamp,
) -> ScheduleDoc {
    let last = mark.and_then(|it| it.last.as_ref());
    ScheduleDoc {
        project: project.to_string(),
        name: it.id.clone(),
        cron: it.cron.clone(),
        time_zone: it.time_zone.clone(),
        title: it.ticket.title.clone(),
        next: schedule::next(&it.cron, &zone_or_utc(&it.time_zone), now),
        last: last.map(|it| it.due),
        caught_up: last.is_some_and(|it| it.caught_up),
        skipped: last.and_then(|it| it.skipped.clone()),
        ticket: mark.and_then(|it| it.ticket.as_ref()).map(ToString::to_string),
    }
}
