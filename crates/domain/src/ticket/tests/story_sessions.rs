//! Sessions that a lane keeps from ticket to ticket: who gets which, when one is stale, and that nobody else ever has it.

use super::fixture::{Life, ada, key, lane, rules_with};
use super::lanes::{done, identity, question, runtime_of, verdict};
use crate::home::{Home, HomeCommand, HomeEvent, HomeRejection, apply_home, decide_home};
use crate::ids::{AttemptId, MessageId};
use crate::principal::Principal;
use crate::rules::{Permission, Rules, SessionLimits};
use crate::sessions::{Keeper, Start, Wanted};
use crate::ticket::{
    AgentSession, Command, EndClass, Figures, Kind, LaneRecord, Owed, Report, Stamp, VerdictWord,
};

/// The rules, with one session of codex kept from ticket to ticket.
fn warm_rules() -> Rules {
    let kept = "[runtime.codex]\nlifecycle = \"persistent\"\n\n[runtime.claude]\nlifecycle = \"persistent\"\n\n[workflow.umbrella]";
    rules_with("[workflow.umbrella]", kept)
}

/// Something that somebody changes in the rules.
type Change<'a> = &'a dyn Fn(&mut Rules);

/// A home with its log, and what its dispatcher and its lanes do.
struct House {
    home: Home,
    log: Vec<HomeEvent>,
    rules: Rules,
    attempts: u64,
}

impl House {
    fn new() -> Self {
        Self { home: Home::default(), log: Vec::new(), rules: warm_rules(), attempts: 0 }
    }

    /// A ticket whose first gate is the coder's.
    fn files(&self, number: u32) -> Life {
        let mut life = Life::filed("unattended", Kind::Task, |new| new.key = key(number));
        life.rules = self.rules.clone();
        life
    }

    fn asks(&mut self, command: HomeCommand, life: &Life) -> Result<(), HomeRejection> {
        let stamp = Stamp { at: life.now, by: Principal::Controller };
        for event in decide_home(&self.home, command, life.now)? {
            apply_home(&mut self.home, &event, &stamp);
            self.log.push(event);
        }
        Ok(())
    }

    /// The dispatcher claims what is owed, and lends what was planned.
    #[track_caller]
    fn claims(&mut self, life: &mut Life) -> Start {
        let Owed::Dispatch { gate, role, purpose } = life.ticket.owed(life.now) else {
            panic!("nothing is to be dispatched: {:?}", life.ticket.situation())
        };
        let runtime = runtime_of(role.as_str());
        let wanted = Wanted {
            rules: &self.rules,
            ticket: &life.ticket.key,
            role: &self.rules.roles[&role],
            runtime: &self.rules.runtimes[&crate::ids::RuntimeId::new(runtime)],
            identity: Some(&identity(runtime)),
            purpose,
        };
        let warm = self.home.warm(&wanted, life.now, &[]).expect("its runtime keeps sessions");
        self.attempts += 1;
        // Attempts are numbered over the whole home.
        life.ids = life.ids.max(self.attempts * 100);
        let mut claim = life.claim(gate.as_str(), role.as_str(), runtime, purpose);
        let Command::Claim { warm: of_claim, .. } = &mut claim else { unreachable!() };
        *of_claim = Some(Box::new(warm.clone()));
        life.controller_does(claim);
        if let Start::Carried { id, .. } = &warm.start {
            let lend = self.lends(life, id);
            self.asks(lend, life).expect("it is free");
        }
        warm.start
    }

    fn lends(&self, life: &Life, id: &str) -> HomeCommand {
        let attempt = life.ticket.live_attempt().expect("an attempt");
        let keeper = Keeper {
            project: life.ticket.key.project().clone(),
            role: attempt.role.clone(),
            runtime: attempt.runtime.clone(),
        };
        HomeCommand::LendSession { keeper, id: id.into(), attempt: attempt.id }
    }

    /// The lane's program tells its session and a turn in which it used `tokens`.
    #[track_caller]
    fn opens(&mut self, life: &mut Life, id: &str, tokens: u64) {
        life.records(LaneRecord::Began { pid: 7, tmux: None });
        self.is_in(life, id, false);
        let figures = Figures { tokens: Some(tokens), cost_micros: None };
        life.records(LaneRecord::TurnOver { well: true, figures });
    }

    /// The lane's program tells that it is in a session, and whether that goes on with an earlier one.
    #[track_caller]
    fn is_in(&self, life: &mut Life, id: &str, resumed: bool) {
        let (program, model) = ("codex 1".into(), None);
        let session = AgentSession { id: id.into(), program, model, resumed };
        life.records(LaneRecord::Session(Box::new(session)));
    }

    /// What the attempt had goes back to its lane.
    #[track_caller]
    fn takes_back(&mut self, life: &Life, attempt: AttemptId) {
        let (keeper, returned) = life.ticket.returned(attempt).expect("it had one");
        let returned = Box::new(returned);
        self.asks(HomeCommand::KeepSession { keeper, returned }, life).expect("it is kept");
    }

    #[track_caller]
    fn reports(&mut self, life: &mut Life, report: Report) {
        let attempt = life.reports(report);
        self.takes_back(life, attempt);
    }

    /// A whole attempt on a new ticket.
    #[track_caller]
    fn works(&mut self, number: u32, id: &str, tokens: u64) -> (Life, Start) {
        let mut life = self.files(number);
        let start = self.claims(&mut life);
        self.opens(&mut life, id, tokens);
        self.reports(&mut life, done());
        (life, start)
    }

    /// Returns why the next new ticket begins anew.
    #[track_caller]
    fn anew(&self, number: u32, hours: i64) -> String {
        let mut life = self.files(number);
        life.passes(hours * 3600);
        let mut house = Self { home: self.home.clone(), log: Vec::new(), ..Self::new() };
        house.rules = self.rules.clone();
        match house.claims(&mut life) {
            Start::Anew { why } => why,
            carried @ Start::Carried { .. } => panic!("it goes on: {carried:?}"),
        }
    }
}

#[track_caller]
fn carried(start: &Start) -> (&str, String) {
    match start {
        Start::Carried { id, ticket, .. } => (id, ticket.to_string()),
        Start::Anew { why } => panic!("begun anew: {why}"),
    }
}

#[test]
fn the_lanes_next_ticket_goes_on_with_its_session_and_one_attempt_at_a_time_has_it() {
    let mut house = House::new();
    let (_, start) = house.works(1, "S", 10);
    assert_eq!(start, Start::Anew { why: "the lane has none yet".into() });
    let mut second = house.files(2);
    assert_eq!(carried(&house.claims(&mut second)), ("S", "MC-1".into()));
    let why = house.anew(3, 0);
    assert_eq!(why, "every session of the lane is at work");
    // Whoever planned before that lends in vain.
    let mut third = house.files(3);
    third.ids = 10_000;
    third.dispatches();
    let lend = house.lends(&third, "S");
    let refused = house.asks(lend, &third).expect_err("it is at work");
    assert_eq!(refused.code(), "session_taken");
    let lend = house.lends(&third, "another");
    assert_eq!(house.asks(lend, &third).expect_err("unknown").code(), "session_gone");
    house.opens(&mut second, "S", 5);
    house.reports(&mut second, done());
    let kept = &house.home.sessions["MC/coder/codex"][0];
    assert_eq!((kept.tokens, kept.held_by, kept.tickets.len()), (15, None, 2));
    let (_, start) = house.works(4, "S", 1);
    assert_eq!(carried(&start), ("S", "MC-2".into()));
    let mut replayed = Home::default();
    let stamp = Stamp { at: second.now, by: Principal::Controller };
    house.log.iter().for_each(|event| apply_home(&mut replayed, event, &stamp));
    assert_eq!(replayed, house.home);
}

#[test]
fn a_session_grows_stale_by_tickets_by_age_and_by_tokens() {
    let mut house = House::new();
    let most = SessionLimits::TICKETS;
    for number in 1..=most {
        let (_, start) = house.works(number, "S", 10);
        assert_eq!(matches!(start, Start::Anew { .. }), number == 1, "{start:?}");
    }
    let why = house.anew(most + 1, 0);
    assert!(why.ends_with("is stale: 5 tickets were worked in it"), "{why}");

    let mut house = House::new();
    house.works(1, "S", SessionLimits::TOKENS - 1);
    let why = house.anew(2, 9);
    assert!(why.ends_with("it was begun 8 hours ago or earlier"), "{why}");
    house.works(2, "S", 1);
    let why = house.anew(3, 0);
    assert!(why.ends_with("is stale: 2000000 tokens were used in it"), "{why}");
    assert!(why.contains("(MC-2)"), "{why}");
}

#[test]
fn how_long_a_session_is_kept_is_the_runtimes_setting() {
    let mut house = House::new();
    let kept = "[runtime.codex]\nlifecycle = \"persistent\"\nsession = { tickets = 2, age = \"90m\", tokens = 100 }\n\n[workflow.umbrella]";
    house.rules = rules_with("[workflow.umbrella]", kept);
    house.works(1, "S", 99);
    let why = house.anew(2, 2);
    assert!(why.ends_with("it was begun 90 minutes ago or earlier"), "{why}");
    house.works(2, "S", 0);
    let why = house.anew(3, 0);
    assert!(why.ends_with("is stale: 2 tickets were worked in it"), "{why}");
    house.works(3, "T", 100);
    let why = house.anew(4, 0);
    assert!(why.ends_with("is stale: 100 tokens were used in it"), "{why}");
}

#[test]
fn under_other_terms_a_session_is_not_gone_on_with_and_what_changed_is_named() {
    let mut house = House::new();
    house.works(1, "S", 10);
    let rules = house.rules.clone();
    let (coder, codex) = (crate::ids::RoleId::new("coder"), crate::ids::RuntimeId::new("codex"));
    let changes: [(&str, Change<'_>); 5] = [
        ("the model", &|it| {
            it.runtimes.get_mut(&codex).expect("codex").model = Some("other".into());
        }),
        ("the runtime", &|it| {
            it.runtimes.get_mut(&codex).expect("codex").command.push("--fast".into());
        }),
        ("the role's permission", &|it| {
            it.roles.get_mut(&coder).expect("a coder").permission = Permission::Read;
        }),
        ("the role's instructions or tools", &|it| {
            it.roles.get_mut(&coder).expect("a coder").instructions = "Otherwise.".into();
        }),
        ("the role's instructions or tools", &|it| {
            let file = crate::ids::Digest::of(b"the file that they are in");
            it.instructions.insert(coder.clone(), file);
        }),
    ];
    for (what, change) in changes {
        house.rules = rules.clone();
        change(&mut house.rules);
        let why = house.anew(2, 0);
        assert!(why.ends_with(&format!("is stale: {what} changed")), "{why}");
    }
}

#[test]
fn a_session_that_was_cut_off_or_waits_for_an_answer_is_its_own_tickets_alone() {
    // It asked.
    let mut house = House::new();
    let mut first = house.files(1);
    house.claims(&mut first);
    house.opens(&mut first, "S", 10);
    house.reports(&mut first, question());
    let why = house.anew(2, 0);
    assert!(why.contains("asked a question in it"), "{why}");
    first.passes(16 * 3600);
    let (text, id) = ("blue".into(), MessageId(1));
    first.does(&ada(), Command::Answer { text, id });
    assert_eq!(carried(&house.claims(&mut first)), ("S", "MC-1".into()));
    house.opens(&mut first, "S", 10);
    // It died, and its ticket goes on with it.
    first.exits(EndClass::Crashed);
    let attempt = first.ticket.attempts.last().expect("it").id;
    house.takes_back(&first, attempt);
    let why = house.anew(2, 0);
    assert!(why.contains("was cut off in it (crashed)"), "{why}");
    first.passes(60);
    assert_eq!(carried(&house.claims(&mut first)).0, "S");
    house.opens(&mut first, "S", 10);
    // Somebody spoke in it.
    let attempt = first.live();
    first.does(&ada(), Command::TakeOver { attempt });
    first.does(&Principal::Controller, Command::GiveBack { attempt });
    house.reports(&mut first, done());
    let why = house.anew(2, 0);
    assert!(why.contains("took") && why.contains("over"), "{why}");
}

#[test]
fn an_end_that_nobody_saw_leaves_no_session_to_others() {
    let mut house = House::new();
    let mut first = house.files(1);
    house.claims(&mut first);
    house.opens(&mut first, "S", 10);
    first.records(LaneRecord::Report(done()));
    let attempt = first.live();
    first.ends(EndClass::Lost);
    house.takes_back(&first, attempt);
    let why = house.anew(2, 0);
    assert!(why.contains("nobody saw"), "{why}");
}

#[test]
fn a_program_that_forgot_the_session_gets_a_new_one_in_its_place() {
    let mut house = House::new();
    house.works(1, "S", 10);
    let (_, start) = house.works(2, "T", 7);
    assert_eq!(carried(&start).0, "S");
    let kept = &house.home.sessions["MC/coder/codex"];
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].id.as_str(), kept[0].tokens, kept[0].tickets.len()), ("T", 7, 1));
    // One that never came so far leaves it to the ticket that was in it.
    let mut third = house.files(3);
    house.claims(&mut third);
    let attempt = third.live();
    third.exits(EndClass::SpawnFailed);
    house.takes_back(&third, attempt);
    let why = house.anew(4, 0);
    assert!(why.contains("spawn_failed") && why.contains("(MC-2)"), "{why}");
}

#[test]
fn a_session_that_was_made_from_the_lanes_own_is_as_old_and_as_full_as_that() {
    let mut house = House::new();
    house.works(1, "S", SessionLimits::TOKENS - 3);
    let begun = house.home.sessions["MC/coder/codex"][0].begun_at;
    let mut second = house.files(2);
    second.passes(3600);
    assert_eq!(carried(&house.claims(&mut second)).0, "S");
    house.is_in(&mut second, "S", true);
    house.is_in(&mut second, "T", true);
    let figures = Figures { tokens: Some(3), cost_micros: None };
    second.records(LaneRecord::TurnOver { well: true, figures });
    house.reports(&mut second, done());
    let kept = &house.home.sessions["MC/coder/codex"];
    assert_eq!(kept.len(), 1, "the one that it was made from is nobody's any more");
    assert_eq!((kept[0].id.as_str(), kept[0].begun_at), ("T", begun));
    assert_eq!((kept[0].tickets.as_slice(), kept[0].held_by), (&[key(1), key(2)][..], None));
    let why = house.anew(3, 0);
    assert!(why.ends_with("is stale: 2000000 tokens were used in it"), "{why}");
    // One that the program did not know is another one, whatever was made from it.
    let mut house = House::new();
    house.works(1, "S", 10);
    let mut second = house.files(2);
    house.claims(&mut second);
    house.is_in(&mut second, "S", true);
    house.is_in(&mut second, "N", false);
    house.is_in(&mut second, "T", false);
    house.reports(&mut second, done());
    let kept = &house.home.sessions["MC/coder/codex"];
    assert_eq!((kept.len(), kept[0].id.as_str(), kept[0].tickets.len()), (1, "T", 1));
}

#[test]
fn a_program_that_names_a_session_of_others_keeps_none() {
    let mut house = House::new();
    let (mut one, mut two) = (house.files(1), house.files(2));
    house.claims(&mut one);
    house.opens(&mut one, "S", 10);
    house.reports(&mut one, done());
    let mut three = house.files(3);
    assert_eq!(carried(&house.claims(&mut three)).0, "S");
    // At work in another attempt of the lane.
    house.claims(&mut two);
    house.opens(&mut two, "S", 10);
    let attempt = two.reports(done());
    house.takes_back(&two, attempt);
    let kept = &house.home.sessions["MC/coder/codex"];
    assert_eq!((kept.len(), kept[0].held_by), (1, Some(three.live())));
    // Kept by another lane.
    let mut plan = Life::filed("closing", Kind::Task, |new| new.key = key(4));
    plan.rules = house.rules.clone();
    house.claims(&mut plan);
    house.opens(&mut plan, "S", 10);
    plan.hands_in();
    house.reports(&mut plan, done());
    assert_eq!(house.home.sessions.keys().collect::<Vec<_>>(), ["MC/coder/codex"]);
}

#[test]
fn a_ticket_that_comes_back_gets_the_session_that_knows_it_if_that_is_free() {
    let mut house = House::new();
    let (mut one, mut two) = (house.files(1), house.files(2));
    house.claims(&mut one);
    house.claims(&mut two);
    house.opens(&mut one, "S", 10);
    house.opens(&mut two, "T", 10);
    house.reports(&mut one, question());
    house.reports(&mut two, done());
    let (_, start) = house.works(3, "T", 1);
    assert_eq!(carried(&start), ("T", "MC-2".into()));
    one.does(&ada(), Command::Answer { text: "blue".into(), id: MessageId(1) });
    assert_eq!(carried(&house.claims(&mut one)), ("S", "MC-1".into()));
}

#[test]
fn a_verdict_is_given_in_a_session_of_its_own_and_leaves_none_behind() {
    let mut house = House::new();
    house.works(1, "S", 10);
    for number in [2, 3] {
        let mut life = Life::at("qa_review");
        life.rules = house.rules.clone();
        life.ticket.key = key(number);
        life.passes(1);
        let start = house.claims(&mut life);
        let why = "a verdict is given in a session of its own".to_owned();
        assert_eq!(start, Start::Anew { why });
        house.opens(&mut life, &format!("Q{number}"), 10);
        life.hands_in();
        house.reports(&mut life, verdict(VerdictWord::Pass, &[]));
    }
    assert_eq!(house.home.sessions.keys().collect::<Vec<_>>(), ["MC/coder/codex"]);
}

#[test]
fn another_role_runtime_or_project_never_gets_it() {
    let mut house = House::new();
    house.works(1, "S", 10);
    let asks = |role: &str, runtime: &str, rules: &Rules| {
        let wanted = Wanted {
            rules,
            ticket: &key(2),
            role: &rules.roles[&crate::ids::RoleId::new(role)],
            runtime: &rules.runtimes[&crate::ids::RuntimeId::new(runtime)],
            identity: Some(&identity(runtime)),
            purpose: crate::ticket::Purpose::Deliver,
        };
        let now = "2026-03-01T09:10:00Z".parse().expect("a moment");
        house.home.warm(&wanted, now, &[]).map(|it| it.start)
    };
    let anew = Some(Start::Anew { why: "the lane has none yet".into() });
    assert!(matches!(asks("coder", "codex", &house.rules), Some(Start::Carried { .. })));
    assert_eq!(asks("planner", "codex", &house.rules), anew);
    assert_eq!(asks("coder", "claude", &house.rules), anew);
    let mut other = house.rules.clone();
    other.key = "OX".parse().expect("a key");
    assert_eq!(asks("coder", "codex", &other), anew);
    assert_eq!(asks("coder", "opencode", &house.rules), None, "per ticket, as ever");
    assert!(house.log.iter().all(|it| matches!(it, HomeEvent::SessionKept { keeper, .. }
        if lane(keeper.role.as_str(), keeper.runtime.as_str()) == lane("coder", "codex"))));
}
