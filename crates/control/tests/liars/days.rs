//! Budgets of a day: nothing starts on one that is spent, whoever restarts, until its day ends or a person raises it.

use mission_domain::doc::BudgetDoc;
use mission_domain::ids::AttemptId;
use mission_domain::ticket::{EndClass, Figures, LaneRecord};

use crate::stage::{RULES, Stage, commit_in, write};

/// 17 hours: from the morning on which a stage begins past the midnight of its zone.
const TO_TOMORROW_S: i64 = 17 * 3_600;

async fn with_budget(budget: &str) -> Stage {
    let rules = RULES.replace("key = \"MC\"", "key = \"MC\"\ntime_zone = \"Europe/Berlin\"");
    let rules = format!("{rules}slots = 2\n[role.planner]\nruntimes = [\"three\"]\n{budget}");
    let stage = Stage::with(&rules, &[]).await;
    stage.budgets().await;
    stage
}

impl Stage {
    async fn budgets(&self) -> Vec<BudgetDoc> {
        self.control.budgets(None).await.expect("budgets")
    }

    /// Says how each budget stands, in short.
    async fn stand(&self) -> Vec<String> {
        let short = |it: BudgetDoc| format!("{} {} {} %", it.scope, it.state, it.percent);
        self.budgets().await.into_iter().map(short).collect()
    }

    /// A turn of the attempt ends; up to then it used so many tokens.
    async fn uses(&self, attempt: AttemptId, tokens: Option<u64>) {
        let figures = Figures { tokens, cost_micros: None };
        self.record(attempt, LaneRecord::TurnOver { well: true, figures }).await;
    }
}

#[tokio::test]
async fn a_spent_day_starts_nothing_across_a_restart_and_goes_on_at_its_own_midnight() {
    let mut stage = with_budget("[budget]\nday = { tokens = 1000 }\n").await;
    let attempt = stage.starts().await;
    stage.uses(attempt, Some(700)).await;
    assert_eq!(stage.stand().await, ["MC free 70 %"]);
    assert!(stage.control.budget_notices(None).is_empty());
    stage.uses(attempt, Some(850)).await;
    assert_eq!(stage.stand().await, ["MC nearly_spent 85 %"]);
    let notices = stage.control.budget_notices(None);
    assert!(
        matches!(&notices[..], [one] if one.starts_with("85 % of the day's budget of MC")),
        "{notices:?}"
    );
    stage.uses(attempt, Some(1_010)).await;
    stage.ends(attempt, EndClass::Stopped).await;
    stage.waits();
    assert!(!stage.is_dispatched().await);
    let why = stage.control.why(&stage.ticket).await.expect("an answer").held_by;
    assert!(
        matches!(&why[..], [one] if one.contains("raise `budget.day`, or it goes on at 00:00 (Europe/Berlin)")),
        "{why:?}"
    );
    let asked = stage.control.needs_you().await.expect("decisions");
    assert!(matches!(&asked[..], [one] if one.kind == "notice" && one.holds_up == 1), "{asked:?}");
    let of = stage.control.asks_for_budgets().await.expect("projects");
    assert_eq!(of, [stage.ticket.project().clone()]);

    stage.restarts().await;
    assert_eq!(stage.stand().await, ["MC spent 101 %"]);
    assert!(!stage.is_dispatched().await);
    stage.files_another().await;
    assert!(!stage.is_dispatched().await);

    stage.passes(TO_TOMORROW_S);
    assert!(stage.is_dispatched().await);
    assert_eq!(stage.stand().await, ["MC free 0 %"]);
    assert!(stage.control.needs_you().await.expect("decisions").is_empty());
    assert!(stage.control.asks_for_budgets().await.expect("projects").is_empty());
}

#[tokio::test]
async fn nothing_starts_before_it_is_known_what_the_day_used() {
    let mut stage = with_budget("[budget]\nday = { tokens = 1000 }\n").await;
    stage.restarts().await;
    stage.control.project(stage.ticket.project()).await.expect("the project");
    assert!(!stage.is_dispatched().await);
    stage.budgets().await;
    assert!(stage.is_dispatched().await);
}

#[tokio::test]
async fn a_raised_budget_lets_the_day_go_on_and_only_its_own_lane_is_held_by_a_lanes() {
    let budget = "[budget]\nlane = { tokens = 1000 }\n";
    let mut stage = with_budget(budget).await;
    let attempt = stage.starts().await;
    stage.uses(attempt, Some(1_000)).await;
    stage.ends(attempt, EndClass::Stopped).await;
    stage.waits();
    assert!(!stage.is_dispatched().await);
    let coder = stage.ticket.clone();
    stage.files_on("research").await;
    assert!(stage.is_dispatched().await, "the planner used nothing");

    let file = stage.repository().join("mission.toml");
    let rules = std::fs::read_to_string(&file).expect("the rules");
    write(&file, &rules.replace("tokens = 1000", "tokens = 5000"));
    commit_in(&stage.repository(), "more");
    stage.ticket = coder;
    stage.control.project(stage.ticket.project()).await.expect("the project");
    assert!(stage.is_dispatched().await);
    assert!(stage.stand().await.contains(&"MC/coder free 20 %".to_owned()));
}

#[tokio::test]
async fn a_lanes_budget_asks_for_nothing_while_that_of_its_whole_project_is_spent_too() {
    let stage = with_budget("[budget]\nday = { tokens = 1000 }\nlane = { tokens = 1000 }\n").await;
    let attempt = stage.starts().await;
    stage.uses(attempt, Some(1_000)).await;
    stage.ends(attempt, EndClass::Stopped).await;
    stage.waits();
    assert!(!stage.is_dispatched().await);
    let stand = stage.stand().await;
    let spent: Vec<_> = stand.iter().filter(|it| it.contains(" spent ")).collect();
    assert_eq!(spent, ["MC spent 100 %", "MC/coder spent 100 %"]);
    let asked = stage.control.needs_you().await.expect("decisions");
    assert!(
        matches!(&asked[..], [one] if one.what == "raise the budget of MC, or let it wait"),
        "{asked:?}"
    );
    let of = stage.control.asks_for_budgets().await.expect("projects");
    assert_eq!(of, [stage.ticket.project().clone()]);
}

#[tokio::test]
async fn what_a_program_does_not_tell_is_said_to_be_unknown_and_its_time_counts() {
    let stage = with_budget("[budget]\nday = { tokens = 1000, wall = \"1h\" }\n").await;
    stage.starts().await;
    stage.passes(3_000);
    // It showed no sign of life meanwhile, and is ended as lost.
    stage.goes_on().await;
    let budgets = stage.budgets().await;
    let BudgetDoc { state, percent, unknown, text, .. } = &budgets[0];
    assert_eq!((state.as_str(), *percent), ("nearly_spent", 83));
    assert!(text.contains("50 of 60 min at work"), "{text}");
    let unknown = unknown.as_deref().unwrap_or_default();
    assert_eq!(unknown, "unknown, and so not counted: the tokens of 1 attempt; their wall time is");
}
