//! Schedules: what was missed is caught up once, whoever restarts, and nothing is filed while the ticket of the run before is open.

use mission_domain::doc::ScheduleDoc;
use mission_domain::ids::TicketKey;
use mission_store::TicketFilter;

use crate::stage::{RULES, Stage, ada, commit_in, write};

/// From the morning on which a stage begins to the next night's run at two o'clock in Berlin.
const TO_THE_FIRST_RUN_S: i64 = 19 * 3_600;

const DAY_S: i64 = 24 * 3_600;

async fn scheduled() -> Stage {
    let schedule = "[schedule.audit]\ncron = \"0 2 * * *\"\ntime_zone = \"Europe/Berlin\"\n\
                    ticket = { title = \"Audit the dependencies\", workflow = \"research\", labels = [\"audit\"] }\n";
    let stage = Stage::with(&format!("{RULES}{schedule}"), &[]).await;
    stage.goes_on().await;
    stage
}

impl Stage {
    /// Returns the tickets that the schedule filed, the oldest first.
    async fn audits(&self) -> Vec<TicketKey> {
        let docs = self.control.ticket_docs(&TicketFilter::default()).await.expect("tickets");
        let is_its = |it: &&mission_domain::doc::TicketDoc| it.source.channel == "schedule";
        let mut keys: Vec<TicketKey> =
            docs.iter().filter(is_its).map(|it| it.key.parse().expect("a key")).collect();
        keys.sort_by_key(TicketKey::number);
        keys
    }

    async fn schedule(&self) -> ScheduleDoc {
        let all = self.control.schedules(None).await.expect("schedules");
        all.into_iter().next().expect("one schedule")
    }

    async fn cancels(&self, key: &TicketKey) {
        let reason = "seen".into();
        let command = mission_domain::ticket::Command::Cancel { reason };
        self.control.execute(key, command, &ada()).await.expect("ada may");
    }
}

#[tokio::test]
async fn a_new_schedule_begins_now_and_files_its_ticket_when_it_is_due() {
    let stage = scheduled().await;
    assert_eq!((stage.audits().await.len(), stage.schedule().await.last), (0, None));
    let next = stage.schedule().await.next.expect("a next run");
    assert_eq!(next.to_string(), "2026-02-26T01:00:00Z", "two o'clock in Berlin");
    stage.passes(TO_THE_FIRST_RUN_S);
    stage.goes_on().await;
    stage.goes_on().await;
    let audits = stage.audits().await;
    assert_eq!(audits.len(), 1);
    let (ticket, _) = stage.control.ticket(&audits[0]).await.expect("the ticket");
    assert_eq!(
        (ticket.title.as_str(), &ticket.labels[..]),
        ("Audit the dependencies", &["audit".to_owned()][..])
    );
    assert_eq!(ticket.workflow.as_str(), "research");
    let schedule = stage.schedule().await;
    assert_eq!((schedule.last, schedule.ticket), (Some(next), Some(audits[0].to_string())));
}

#[tokio::test]
async fn what_was_missed_while_nobody_was_there_is_caught_up_exactly_once() {
    let mut stage = scheduled().await;
    stage.control.store().close().await;
    stage.passes(9 * DAY_S);
    stage.restarts().await;
    stage.goes_on().await;
    let audits = stage.audits().await;
    assert_eq!(audits.len(), 1, "nine nights are one run");
    let schedule = stage.schedule().await;
    assert_eq!(schedule.last.map(|it| it.to_string()).as_deref(), Some("2026-03-06T01:00:00Z"));
    assert!(schedule.caught_up && schedule.skipped.is_none());
    stage.cancels(&audits[0]).await;
    stage.restarts().await;
    stage.goes_on().await;
    assert_eq!(stage.audits().await, audits, "the next server finds it done");
}

#[tokio::test]
async fn nothing_is_filed_while_the_ticket_of_the_run_before_is_open_and_that_is_said() {
    let mut stage = scheduled().await;
    stage.passes(TO_THE_FIRST_RUN_S);
    stage.goes_on().await;
    let first = stage.audits().await.remove(0);
    stage.passes(DAY_S);
    stage.restarts().await;
    stage.goes_on().await;
    assert_eq!(stage.audits().await.len(), 1);
    let schedule = stage.schedule().await;
    assert_eq!(schedule.skipped, Some(format!("{first} of the run before is still open")));
    stage.cancels(&first).await;
    stage.goes_on().await;
    assert_eq!(stage.audits().await.len(), 1, "what was skipped is not made up for");
    stage.passes(DAY_S);
    stage.goes_on().await;
    assert_eq!(stage.audits().await.len(), 2);
    assert_eq!(stage.schedule().await.skipped, None);
}

#[tokio::test]
async fn another_time_of_day_holds_from_now_on_and_a_schedule_that_is_gone_files_nothing() {
    let stage = scheduled().await;
    let file = stage.repository().join("mission.toml");
    let rules = std::fs::read_to_string(&file).expect("the rules");
    // Four o'clock in Berlin has been this morning: nothing of it was missed.
    let earlier = rules.replace("0 2 * * *", "0 4 * * *");
    write(&file, &earlier);
    commit_in(&stage.repository(), "later");
    stage.goes_on().await;
    assert_eq!(
        stage.schedule().await.next.map(|it| it.to_string()).as_deref(),
        Some("2026-02-26T03:00:00Z")
    );
    stage.goes_on().await;
    assert_eq!(stage.audits().await.len(), 0);
    write(&file, earlier.split("[schedule").next().expect("the rest"));
    commit_in(&stage.repository(), "none");
    assert!(stage.control.schedules(None).await.expect("schedules").is_empty());
    stage.passes(2 * DAY_S);
    stage.goes_on().await;
    assert_eq!(stage.audits().await.len(), 0);
}

#[tokio::test]
async fn a_schedule_that_was_taken_out_and_put_back_still_knows_its_open_ticket() {
    let stage = scheduled().await;
    stage.passes(TO_THE_FIRST_RUN_S);
    stage.goes_on().await;
    assert_eq!(stage.audits().await.len(), 1);
    let file = stage.repository().join("mission.toml");
    let rules = std::fs::read_to_string(&file).expect("the rules");
    write(&file, rules.split("[schedule").next().expect("the rest"));
    commit_in(&stage.repository(), "none");
    stage.goes_on().await;
    write(&file, &rules);
    commit_in(&stage.repository(), "again");
    stage.goes_on().await;
    stage.passes(DAY_S);
    stage.goes_on().await;
    assert_eq!(stage.audits().await.len(), 1, "its ticket is open still");
    assert!(stage.schedule().await.skipped.is_some());
}
