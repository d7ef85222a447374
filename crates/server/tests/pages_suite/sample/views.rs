//! Whole views: every page with rich content.

use std::sync::Arc;

use mission_server::pages::board::COLUMN_WINDOW;
use mission_server::pages::words;

use super::*;

pub(crate) fn shell() -> Shell {
    let campaign = |key: &str, title: &str, percent| CampaignLink {
        key: key.into(),
        title: title.into(),
        percent,
    };
    Shell {
        may: mission_server::pages::view::May::Own,
        person: "elmar".into(),
        projects: vec![project("MC"), project("WEB")],
        current_project: Some("MC".into()),
        counts: Counts { needs_you: 4, elsewhere: 0, open: 24, died: 1 },
        campaigns: vec![
            campaign("MC-19", "Home visual redesign", 53),
            campaign("MC-20", "Review loop", 18),
            campaign("MC-21", "Harden the runner", 83),
        ],
        csrf: "token-of-the-session".into(),
        now: now(),
        seq: 4711,
        toast: None,
        can_withdraw: true,
        problem_notices: Vec::new(),
    }
}

fn project(key: &str) -> ProjectDoc {
    ProjectDoc {
        key: key.into(),
        path: format!("/home/ada/{key}"),
        default_branch: "main".into(),
        workflow: "standard".into(),
        checks: vec!["cargo test".into()],
        trusted: true,
        policy_digest: PACKET.into(),
        config_problem: None,
        notice: None,
    }
}

pub(crate) fn asks() -> Vec<NeedsYouDoc> {
    let ask = |kind: &str, what: &str, holds_up, ticket: TicketDoc, detail: &str| NeedsYouDoc {
        kind: kind.into(),
        what: what.into(),
        rank_reason: String::new(),
        holds_up,
        held: (0..holds_up).map(|n| format!("MC-{}", 90 + n).parse().expect("a key")).collect(),
        ticket,
        detail: detail.into(),
        not_by: Vec::new(),
        nobody_else: false,
        runtimes: Vec::new(),
    };
    let mut plan = ticket(10, "Back off when a tmux pane is gone", "in_review", &["active"]);
    plan.next_action = Some(next("person", "anyone", "sign off the plan"));
    let mut work = ticket(
        13,
        "Ask the harbour master for tariffs",
        "active",
        &["passed", "not_required", "active"],
    );
    work.gates[2].runtime = Some("person".into());
    work.next_action = Some(next("person", "elmar", "do the work and report"));
    vec![
        ask(
            "signoff",
            "sign off the design of berth cards, or request changes",
            2,
            signoff_ticket(),
            "Cards poll every 30 s. One of five claims was refuted: `pnpm lighthouse` scored 91, not 97.",
        ),
        ask(
            "question",
            "No berth free on the chosen night: what do we offer first?",
            1,
            question_ticket(),
            "",
        ),
        ask(
            "blocked",
            "decide how the search bar goes on",
            1,
            blocked_ticket(),
            "coder · codex died 3 of 3: out of memory, exit 137, peak 7.9 of 8 GiB, in `pnpm test`.",
        ),
        ask(
            "signoff",
            "sign off the plan",
            1,
            plan,
            &"## Steps\n1. Look for the pane before each write.\n2. Wait 10 s, 20 s, 40 s.\n"
                .repeat(8),
        ),
        ask("work", "ask the harbour master, and report", 0, work, "Ring them before noon."),
    ]
}

pub(crate) fn needs_you() -> NeedsYouView {
    let (digest, is_since_seen) = (super::home::digest_doc(), true);
    NeedsYouView {
        died: [("MC-9".to_owned(), dead_attempt())].into(),
        shell: shell(),
        asks: asks(),
        lanes: lanes(),
        acts: acts(),
        budgets: budgets(),
        digest,
        is_since_seen,
    }
}

pub(crate) fn ticket_view() -> TicketView {
    let related = |how: &str, n: u32, title: &str, state: &str| RelatedTicket {
        how: how.into(),
        key: format!("MC-{n}"),
        title: title.into(),
        state: state.into(),
    };
    TicketView {
        shell: shell(),
        ticket: signoff_ticket(),
        holds_up: 2,
        packet: Some(packet()),
        attempts: vec![attempt("A-31", "busy"), dead_attempt()],
        console: Some(ConsoleView { attempt: attempt("A-31", "busy"), output: "› elmar: Show the cards at 390 px in dark, too.\n\n• Ran pnpm shots home --width 390 --theme dark\n  └ ✓ built in 3.2 s\n    ✓ served on :4173, seed harbours-7\n\n• Working (41s · esc to interrupt)".into(), attach: Some("tmux attach -t mc-MC-7".into()), journal: mission_control::Journal::Kept, output_end: 6, goes_on: true, is_newest: true, others: Vec::new() }),
        messages: vec![message("M-3", "queued", "After the sign-off, rebase on main."), message("M-2", "delivered", "Show the cards at 390 px in dark, too."), message("M-1", "processed", "Focus ring is clipped on the last card."), message("M-0", "undeliverable", RTL)],
        events: events(),
        acts: acts(),
        related: vec![related("in", 19, "Home visual redesign", "waiting"), related("waits for", 12, "Flag and rollout", "done"), related("holds up", 17, "Remove legacy home CSS", "waiting")],
        children: Vec::new(),
        part: mission_server::pages::view::CampaignPart::default(),
        withdrawable: Vec::new(),
        waiting: vec![mission_domain::ids::MessageId(3)],
        policy: vec!["qa runs on another runtime than coder".into(), "deploy, restart and push to main need an approval".into()],
        previous: Some("MC-6".into()),
        next: Some("MC-8".into()),
    }
}

pub(crate) fn fleet() -> FleetView {
    FleetView {
        shell: shell(),
        lanes: lanes(),
        attempts: vec![
            attempt("A-31", "busy"),
            attempt("A-32", "awaiting_approval"),
            dead_attempt(),
        ],
        ended: vec![dead_attempt()],
        consoles: vec![ConsoleView {
            attempt: attempt("A-31", "busy"),
            output: "$ pnpm test\n312 tests <b>pass</b>\n".into(),
            attach: None,
            journal: mission_control::Journal::Kept,
            output_end: 6,
            goes_on: true,
            is_newest: true,
            others: Vec::new(),
        }],
        acts: acts(),
        budgets: budgets(),
    }
}

fn budgets() -> Vec<BudgetDoc> {
    let budget = |scope: &str, kind: &str, state: &str, percent| BudgetDoc {
        scope: scope.into(),
        kind: kind.into(),
        state: state.into(),
        percent,
        text: "$84.00 of $100.00 until 00:00 (UTC)".into(),
        unknown: (kind == "day")
            .then(|| "unknown, and so not counted: the cost of 3 attempts".into()),
        until: None,
    };
    vec![
        budget("MC", "day", "nearly_spent", 84),
        budget("MC/coder", "lane", "spent", 104),
        budget("MC/qa", "lane", "free", 12),
        budget("MC-7", "ticket", "nearly_spent", 91),
    ]
}

const STATE_OUTCOMES: [(&str, &[&str]); 12] = [
    ("todo", &[]),
    ("waiting", &["passed", "not_required"]),
    ("parked", &[]),
    ("active", &["passed", "not_required", "active"]),
    ("active", &["passed", "passed", "passed", "passed", "changes_requested"]),
    ("in_review", &["passed", "passed", "passed", "passed", "passed", "waived", "active"]),
    ("in_review", &["passed", "passed", "passed", "passed", "stale"]),
    ("needs_input", &["passed", "active"]),
    ("blocked", &["passed", "not_required", "failed"]),
    ("blocked", &["passed", "not_required", "passed", "could_not_run"]),
    ("cancelled", &[]),
    ("superseded", &["passed"]),
];

const TITLES: [&str; 6] = [
    "Activate QA reviewer",
    "Home paints under 1.8 s on 4G",
    "Search shows the old name after a rename",
    "Dark theme for home",
    LONG,
    RTL,
];

/// A board of `n` tickets in all states.
pub(crate) fn tickets(n: u32) -> Vec<TicketDoc> {
    let made = |i: u32| {
        let (state, outcomes) = STATE_OUTCOMES[i as usize % STATE_OUTCOMES.len()];
        let done = i % 9 == 8;
        let title = TITLES[i as usize % TITLES.len()];
        let mut t = if done {
            ticket(100 + i, title, "done", &["passed"; 8])
        } else {
            ticket(100 + i, title, state, outcomes)
        };
        t.priority = ["urgent", "high", "medium", "low"][i as usize % 4].into();
        t.title = if n > 100 { varied(i) } else { t.title };
        if state == "waiting" {
            t.blocked_by = vec!["MC-7".into(), "MC-9".into(), "MC-11".into()];
        }
        if matches!(state, "needs_input") || (state == "in_review" && i % 2 == 1) {
            t.next_action = t
                .next_action
                .map(|_| next("person", "anyone", "sign off the design, or request changes"));
        }
        t
    };
    (0..n).map(made).collect()
}

pub(crate) fn board(n: u32) -> BoardView {
    let mut all = tickets(n);
    all.extend([signoff_ticket(), question_ticket(), blocked_ticket()]);
    board_of(all)
}

/// The board of these tickets: those that the person owes first, then the most urgent; long columns are cut.
pub(crate) fn board_of(tickets: Vec<TicketDoc>) -> BoardView {
    let urgency = ["urgent", "high", "normal", "low"];
    let rank = |it: &TicketDoc| urgency.iter().position(|word| *word == it.priority);
    let column = |state: &&str| {
        let of_state = tickets.iter().filter(|it| it.state == *state);
        let mut column: Vec<Arc<TicketDoc>> = of_state.cloned().map(Arc::new).collect();
        let total = u32::try_from(column.len()).expect("a sample is small");
        column.sort_by_key(|it| (!words::owes(it, "elmar"), rank(it), it.created_at));
        column.truncate(COLUMN_WINDOW);
        BoardColumn { state: (*state).into(), total, tickets: column }
    };
    let columns = words::STATES.iter().map(column).collect();
    let filter = BoardFilter::default();
    BoardView { shell: shell(), columns, bands: Vec::new(), bands_total: 0, filter }
}

/// The board by campaign, with a band of two tickets and one without a campaign.
pub(crate) fn bands() -> BoardView {
    let head = |key: &str, title: &str| BandHead {
        key: key.into(),
        title: title.into(),
        waits: 1,
        states: vec![("active".into(), 1), ("in_review".into(), 1)],
    };
    let band = |head: BandHead, tickets: Vec<TicketDoc>| {
        let cell = |tickets: Vec<TicketDoc>| BandCell {
            total: 9,
            tickets: tickets.into_iter().map(Arc::new).collect(),
        };
        let mut cells: [BandCell; 5] = std::array::from_fn(|_| BandCell::default());
        cells[2] = cell(tickets);
        Band { head, cells }
    };
    let bands = vec![
        band(head("MC-19", "Home visual redesign"), vec![signoff_ticket()]),
        band(head("", ""), vec![question_ticket()]),
    ];
    let filter = BoardFilter { by: Grouping::Campaign, ..BoardFilter::default() };
    let columns = board(3).columns;
    BoardView { shell: shell(), columns, bands, bands_total: 2, filter }
}

/// A title of seven words that no other ticket has, so that a zipped board is as big as a real one.
fn varied(i: u32) -> String {
    const WORDS: &str = "queue lease socket journal rebase snapshot harbour berth tide mooring ledger digest retry breaker window parser locale invoice checkout banner cursor schema index vacuum shard replica token header cookie upload stream pixel gradient contrast margin tooltip dialog palette export import audit webhook backoff timeout deadline probe canary rollout flag cohort metric trace span gauge histogram sampler buffer codec frame packet route gateway proxy mirror cache eviction tombstone compaction";
    let words: Vec<&str> = WORDS.split(' ').collect();
    let mut seed = u64::from(i) + 1;
    let mut draw = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        words[(seed >> 33) as usize % words.len()]
    };
    (0..7).map(|_| draw()).collect::<Vec<_>>().join(" ")
}
