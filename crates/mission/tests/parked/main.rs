//! A plan that was set aside, and everything that must not start it: its blockers end, messages come, its runtime is busy, dies and is
//! gone, the operator sweeps; a hundred times.
#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails")]

mod stage;

use mission_domain::ticket::MessageState;
use stage::{Agent, Stage};

/// How often everything happens.
const ROUNDS: u64 = 100;

#[tokio::test]
async fn a_parked_plan_is_never_started_and_its_page_stays_short() {
    let stage = Stage::new().await;
    let blockers =
        [stage.files("The first", true, &[]).await, stage.files("The second", true, &[]).await];
    let plan = stage.files("Move everything elsewhere", true, &blockers).await;
    let other = stage.files("Work of the same lane", false, &[]).await;
    for round in 1..=ROUNDS {
        stage.lets_time_pass();
        stage.puts(Agent::ThatWorks);
        stage.lets_go_on(&other, round).await;
        let (attempt, pid) = stage.is_worked(&other).await;
        stage.writes_and_sweeps(&plan, "is anybody there?", round).await;
        stage.puts(Agent::ThatIsRefused);
        stage.kills(pid);
        stage.has_ended(&other, attempt).await;
        stage.writes_and_sweeps(&plan, "please begin", round).await;
        stage.lets_go_on(&other, round).await;
        stage.opens_the_breaker().await;
        stage.writes_and_sweeps(&plan, "and now?", round).await;
        stage.takes_the_agent_away();
        stage.lets_time_pass();
        stage.lets_go_on(&other, round).await;
        stage.waits_for_its_agent(&other).await;
        stage.writes_and_sweeps(&plan, &format!("question {round}"), round).await;
        if let Some(blocker) = blockers.get(usize::try_from(round / 30).unwrap().wrapping_sub(1)) {
            stage.ends(blocker).await;
        }
        stage.was_not_touched(&plan).await;
    }
    let (ticket, _) = stage.control.ticket(&plan).await.unwrap();
    assert!(ticket.blockers.values().all(Option::is_some), "a blocker is still open");
    assert_eq!(ticket.state().as_str(), "parked");
    assert!(ticket.messages.iter().all(|it| it.state == MessageState::Queued), "{ticket:?}");
    let written: u64 = ticket.messages.iter().map(|it| u64::from(it.count)).sum();
    assert_eq!((written, ticket.messages.len()), (4 * ROUNDS, 103));
    let rows = stage.activity_rows(&plan).await;
    assert!(rows.len() <= 10, "{} rows: {rows:#?}", rows.len());
    let acts = stage.control.operator_log().await.unwrap();
    let about: Vec<_> =
        acts.iter().filter(|it| it.ticket.as_deref() == Some(&plan.to_string())).collect();
    assert!(about.iter().all(|it| it.rule == "release-waiting") && about.len() == 2, "{about:?}");
    stage.stops().await;
}
