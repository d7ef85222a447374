//! What people see in the terminal, and what keys do, without a terminal and without a server.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use mission_domain::doc::{AttemptDoc, LaneDoc, NeedsYouDoc, TicketDoc};
use mission_domain::ids::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::{Value, json};

use super::ask::{Order, Stage};
use super::draw::draw;
use super::model::{Fleet, Link, Model, Part, Place, Want};
use super::update::{Effect, Happened, Input, update};
use crate::failure::{Exit, Failure};
use crate::output::ticket::Whole;

mod elsewhere;

fn now() -> Timestamp {
    "2030-05-01T12:00:00Z".parse().expect("a time")
}

fn later(seconds: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_secs(seconds)
}

fn ticket(key: &str, title: &str, state: &str, more: &Value) -> TicketDoc {
    let mut ticket = json!({
        "key": key, "project": "MC", "title": title, "kind": "task", "state": state,
        "reason": {"code": "person_decides", "text": "only a person's verdict is missing"},
        "next_action": {"what": "sign off the QA review, or request changes", "who": {"kind": "person", "name": "anyone"}, "since": "2030-05-01T11:00:00Z"},
        "priority": "high", "labels": [], "workflow": "standard", "parent": null, "children": [], "blocked_by": [],
        "source": {"channel": "cli", "principal": "person:ada"}, "workspace": null, "landed_as": null,
        "created_at": "2030-04-29T09:00:00Z", "updated_at": "2030-05-01T11:00:00Z", "closed_at": null, "version": 9,
        "gates": [
            {"id": "implementation", "role": "coder", "state": "passed", "runtime": "codex", "required": true, "round": 1, "attempt": "A-30", "packet": null, "signoff": null},
            {"id": "qa_review", "role": "qa", "state": "active", "runtime": "claude", "required": true, "round": 2, "attempt": "A-31", "decided_by": ["person"],
             "packet": {"digest": "sha256:aaaaaaaabbbb", "commit": "0123456789abcdef0123456789abcdef01234567", "status": "verified"}, "signoff": null},
        ],
    });
    for (key, value) in more.as_object().expect("fields") {
        ticket[key] = value.clone();
    }
    serde_json::from_value(ticket).expect("a ticket")
}

fn item(kind: &str, ticket: &TicketDoc, detail: &str) -> NeedsYouDoc {
    serde_json::from_value(json!({
        "kind": kind, "what": format!("decide the {kind}"), "rank_reason": "others wait for it", "holds_up": 3,
        "ticket": ticket, "detail": detail,
    }))
    .expect("an item")
}

fn approval() -> Value {
    json!({
        "id": "P-31.4", "ticket": "MC-8", "attempt": "A-31", "gate": "implementation", "by": "lane:coder/codex",
        "argv": ["git", "push"], "command": "git push origin 'a  b' --force-with-lease=refs/heads/a-branch-with-a-long-name:0123456789abcdef",
        "cwd": "work/harbour", "commit": "0123456789abcdef", "tree": null, "diff": null, "effect": "push", "state": "requested",
        "count": 1, "asked_at": "2030-05-01T11:00:00Z", "expires_at": "2030-05-02T11:00:00Z", "answered_by": null,
        "answered_at": null, "reason": null, "code": null, "note": null, "exit_code": null, "ended": null, "output": null, "ran_at": null,
    })
}

/// A title that would steer a terminal and turn its direction, goes on for long, and is partly written from right to left.
fn nasty() -> String {
    format!("\u{1b}[2J\u{202e}evil\u{200f} {} עברית {}", "long ".repeat(30), "漢字".repeat(20))
}

fn decisions() -> Vec<NeedsYouDoc> {
    let plan =
        "# Plan\n\n1. Read the tokens.\n2. Change `theme.css`.\n\n## Files\n\n- web/theme.css";
    let question = json!({"question": {"attempt": "A-33", "gate": "implementation", "text": "Which scheme first?", "at": "2030-05-01T11:00:00Z"}});
    vec![
        item(
            "signoff",
            &ticket("MC-7", "The settings page follows the scheme", "in_review", &json!({})),
            plan,
        ),
        item(
            "approval",
            &ticket(
                "MC-8",
                "Deploy the harbour page",
                "needs_input",
                &json!({"approvals": [approval()]}),
            ),
            "",
        ),
        item(
            "question",
            &ticket("MC-9", "Dark scheme", "needs_input", &question),
            "Which scheme first?",
        ),
        item("blocked", &ticket("MC-10", &nasty(), "blocked", &json!({})), "attempts used up"),
    ]
}

fn card(key: &str, title: &str, state: &str, who: &str, minutes: i64) -> Value {
    let at = now() - jiff::SignedDuration::from_mins(minutes);
    json!({"key": key, "title": title, "state": state, "priority": "medium", "gate": "qa_review", "who": who, "created_at": at, "updated_at": at, "kind": "task"})
}

fn cards() -> Part {
    let mut all = vec![
        card("MC-7", "The settings page follows the scheme", "in_review", "person:anyone", 60),
        card("MC-9", "Dark scheme", "needs_input", "person:anyone", 3),
        card("MC-10", &nasty(), "blocked", "person:anyone", 70),
        card("MC-11", "At work", "active", "role:qa", 1),
        card("MC-12", "עברית כותרת של כרטיס", "todo", "role:coder", 80),
        card("MC-13", "Waits", "waiting", "ticket:MC-7, MC-9, MC-11", 5),
        card("MC-1", "Done long ago", "done", "", 60 * 48),
        card("MC-2", "Done", "done", "", 60),
    ];
    all.extend(
        (20..60)
            .map(|n| card(&format!("MC-{n}"), &format!("Next piece {n}"), "todo", "role:coder", n)),
    );
    Part::Board(serde_json::from_value(Value::Array(all)).expect("cards"))
}

fn fleet() -> Part {
    let runtime = |name: &str, breaker: &str| json!({"name": name, "driver": "exec", "command": [name], "model": null, "breaker": breaker, "note": null, "found": true, "from": "built-in"});
    let lane = |role: &str, state: &str, attempts: &[&str], note: Option<&str>| -> LaneDoc {
        let runtimes = json!([runtime("codex", "closed"), runtime("claude", "open")]);
        serde_json::from_value(json!({"role": role, "project": "MC", "state": state, "slots": 2, "attempts": attempts, "queued": 4, "runtimes": runtimes, "note": note})).expect("a lane")
    };
    let attempt: AttemptDoc = serde_json::from_value(json!({
        "id": "A-31", "ticket": "MC-11", "gate": "qa_review", "round": 1, "role": "qa", "runtime": "claude", "model": null, "epoch": 3,
        "state": "busy", "state_source": "protocol", "pid": 7, "tmux": "mc-MC-11:A-31", "started_at": "2030-05-01T11:50:00Z",
        "last_progress_at": "2030-05-01T11:59:30Z", "terminal": null, "death": null, "usage": {"tokens": 12000, "cost_usd": 0.42, "wall_s": null},
    }))
    .expect("an attempt");
    let lanes = vec![
        lane("qa", "busy", &["A-31", "A-32"], None),
        lane("coder", "paused", &[], Some("paused by ada")),
    ];
    Part::Fleet(Fleet { lanes, attempts: vec![attempt] })
}

fn whole() -> Part {
    let ticket = ticket("MC-7", "The settings page follows the scheme", "in_review", &json!({}));
    Part::Ticket(Box::new(Whole { ticket, attempts: Vec::new(), messages: Vec::new() }))
}

/// A view with the size of its terminal.
struct View {
    model: Model,
    size: (u16, u16),
}

impl std::ops::Deref for View {
    type Target = Model;
    fn deref(&self) -> &Model {
        &self.model
    }
}

impl std::ops::DerefMut for View {
    fn deref_mut(&mut self) -> &mut Model {
        &mut self.model
    }
}

/// A view that is linked and knows `parts`.
fn view(place: Place, size: (u16, u16), parts: Vec<Part>) -> View {
    let mut model = Model::new(place, now());
    model.colour = false;
    model.arrive();
    update(&mut model, Input::Linked { url: "http://127.0.0.1:1".into() }, now());
    for part in parts {
        update(&mut model, Input::Got(part), now());
    }
    update(&mut model, Input::Fetched, now());
    View { model, size }
}

fn everything(place: Place, size: (u16, u16)) -> View {
    view(place, size, vec![Part::NeedsYou(decisions()), cards(), fleet(), whole()])
}

fn drawn(model: &mut View) -> String {
    let mut terminal =
        Terminal::new(TestBackend::new(model.size.0, model.size.1)).expect("a terminal");
    let mut extent = model.extent;
    terminal.draw(|frame| extent = draw(frame, model)).expect("drawn");
    model.extent = extent;
    terminal.backend().to_string()
}

fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let one = |c: char| match c {
        '⏎' => KeyCode::Enter,
        '⎋' => KeyCode::Esc,
        c => KeyCode::Char(c),
    };
    let events = keys.chars().map(|c| Event::Key(KeyEvent::new(one(c), KeyModifiers::NONE)));
    events.flat_map(|it| update(model, Input::Terminal(it), now())).collect()
}

fn happened(ticket: &str, kind: &str, told: &str) -> Happened {
    let (project, ticket) = (Some("MC".to_owned()), Some(ticket.to_owned()));
    Happened { project, ticket, kind: kind.into(), told: told.into() }
}

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (200, 50);

#[test]
fn before_the_first_answer_every_screen_says_what_is_asked_for() {
    let key = || "MC-7".to_owned();
    for place in
        [Place::NeedsYou, Place::Board, Place::Fleet, Place::Ticket(key()), Place::Packet(key())]
    {
        let mut model = View { model: Model::new(place, now()), size: SMALL };
        let shown = drawn(&mut model);
        assert!(shown.contains("Asking") && shown.contains("connecting"), "{shown}");
    }
}

#[test]
fn an_empty_home_says_what_comes_next() {
    let parts =
        || vec![Part::NeedsYou(Vec::new()), Part::Board(Vec::new()), Part::Fleet(Fleet::default())];
    insta::assert_snapshot!("empty_needs_you", drawn(&mut view(Place::NeedsYou, SMALL, parts())));
    assert!(drawn(&mut view(Place::Board, SMALL, parts())).contains("mission ticket new"));
    assert!(drawn(&mut view(Place::Fleet, SMALL, parts())).contains("mission init"));
}

#[test]
fn every_screen_at_80_by_24() {
    insta::assert_snapshot!("needs_you_80", drawn(&mut everything(Place::NeedsYou, SMALL)));
    insta::assert_snapshot!("board_80", drawn(&mut everything(Place::Board, SMALL)));
    insta::assert_snapshot!("fleet_80", drawn(&mut everything(Place::Fleet, SMALL)));
    insta::assert_snapshot!(
        "ticket_80",
        drawn(&mut everything(Place::Ticket("MC-7".into()), SMALL))
    );
}

#[test]
fn every_screen_at_200_by_50() {
    insta::assert_snapshot!("needs_you_200", drawn(&mut everything(Place::NeedsYou, LARGE)));
    insta::assert_snapshot!("board_200", drawn(&mut everything(Place::Board, LARGE)));
}

#[test]
fn titles_from_right_to_left_and_such_that_would_steer_a_terminal_stay_in_their_column() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "jjj");
    let shown = drawn(&mut model);
    assert!(!shown.contains(|c: char| c.is_control() && c != '\n'));
    assert!(!shown.contains(['\u{202e}', '\u{200f}']));
    insta::assert_snapshot!("nasty_80", shown);
    let mut board = everything(Place::Board, SMALL);
    press(&mut board, "hhhh");
    insta::assert_snapshot!("board_rtl_80", drawn(&mut board));
}

#[test]
fn a_terminal_that_is_too_small_says_so_and_every_size_can_be_drawn() {
    let mut model = everything(Place::NeedsYou, (30, 5));
    assert!(drawn(&mut model).contains("too small"));
    for place in [Place::NeedsYou, Place::Board, Place::Fleet, Place::Ticket("MC-7".into())] {
        for size in
            [(1, 1), (40, 10), (41, 11), (79, 12), (119, 10), (121, 11), (300, 10), (40, 90)]
        {
            for keys in ["", "?", "a", "w", "/x", "jj1"] {
                let mut model = everything(place.clone(), size);
                press(&mut model, keys);
                drawn(&mut model);
            }
        }
    }
}

#[test]
fn a_server_that_is_gone_is_said_with_the_age_of_the_picture_and_the_rest_stays() {
    let mut model = everything(Place::NeedsYou, SMALL);
    update(&mut model, Input::Lost("the stream broke off".into()), later(100));
    update(&mut model, Input::Lost("nobody answers".into()), later(142));
    insta::assert_snapshot!("gone_80", drawn(&mut model));
    let asks = update(&mut model, Input::Linked { url: String::new() }, later(150));
    assert!(matches!(&asks[..], [Effect::Fetch(wants)] if wants.contains(&Want::NeedsYou)));
    assert_eq!(model.link, Link::Live);
}

#[test]
fn a_sign_off_shows_ticket_gate_and_commit_and_is_sent_on_the_packet_that_was_seen() {
    let mut model = everything(Place::NeedsYou, SMALL);
    assert_eq!(press(&mut model, "a"), []);
    insta::assert_snapshot!("sign_off_80", drawn(&mut model));
    let sent = press(&mut model, "small⏎");
    let order = Order::Verdict {
        word: "pass",
        key: "MC-7".into(),
        gate: "qa_review".into(),
        packet: Some("sha256:aaaaaaaabbbb".into()),
    };
    assert_eq!(sent, [Effect::Send(order.clone(), "small".into())]);
    let body = json!({"verdict": "pass", "gate": "qa_review", "reason": "small", "packet": "sha256:aaaaaaaabbbb"});
    assert_eq!(order.request("small"), ("/tickets/MC-7/verdict".into(), body));
    assert_eq!(press(&mut model, "⏎"), [], "it is sent once");
    update(&mut model, Input::Done(order, "MC-7 is todo: the coder is next".into()), now());
    assert!(model.dialog.is_none());
    assert!(drawn(&mut model).contains("MC-7 is todo"));
}

#[test]
fn a_verdict_locks_when_another_packet_comes_while_it_is_open() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "a");
    let mut changed = decisions();
    let packet = changed[0].ticket.gates[1].packet.as_mut().expect("a packet");
    packet.digest = "sha256:cccc".into();
    update(&mut model, Input::Got(Part::NeedsYou(changed)), now());
    assert!(matches!(model.dialog.as_ref().map(|it| &it.stage), Some(Stage::Changed(_))));
    assert_eq!(press(&mut model, "⏎"), [], "nothing is sent");
    insta::assert_snapshot!("locked_80", drawn(&mut model));
}

#[test]
fn a_decision_that_somebody_else_gave_first_locks_too() {
    for (keys, n) in [("a", 0), ("jd", 1), ("jj1", 2)] {
        let mut model = everything(Place::NeedsYou, SMALL);
        press(&mut model, keys);
        let mut left = decisions();
        left.remove(n);
        update(&mut model, Input::Got(Part::NeedsYou(left)), now());
        assert!(
            matches!(model.dialog.as_ref().map(|it| &it.stage), Some(Stage::Changed(_))),
            "{keys}"
        );
    }
}

#[test]
fn an_approval_shows_the_exact_command_and_what_refuses_it_stands_at_the_dialog() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "ja");
    insta::assert_snapshot!("approve_80", drawn(&mut model));
    let order = Order::Approve { id: "P-31.4".into() };
    assert_eq!(press(&mut model, "⏎"), [Effect::Send(order, String::new())]);
    let failure = Failure::new(Exit::Refused, "expired", "P-31.4 has expired: nothing ran");
    update(&mut model, Input::Refused(failure), now());
    assert!(drawn(&mut model).contains("nothing ran"));
    press(&mut model, "⎋");
    assert!(model.dialog.is_none());
}

/// What stands in an open decision, less its last lines, without spaces.
fn facts_of(shown: &str) -> String {
    let inner = shown.lines().filter_map(|it| it.split('│').nth(1));
    let lines = inner.filter(|it| !["page down", "page up", "esc"].iter().any(|w| it.contains(w)));
    lines.flat_map(str::split_whitespace).collect()
}

#[test]
fn a_command_is_approved_once_all_of_it_was_on_the_screen() {
    for size in [SMALL, (60, 15), (40, 10)] {
        let mut model = everything(Place::NeedsYou, size);
        press(&mut model, "ja");
        let names = (0..200).map(|n| format!("HEAD:refs/heads/release/{n}"));
        let command = format!("git push origin {} +HEAD:main", names.collect::<Vec<_>>().join(" "));
        let dialog = model.dialog.as_mut().expect("it is open");
        let fact = dialog.facts.iter_mut().find(|it| it.0 == "Command").expect("the command");
        fact.1 = command;
        let mut told = facts_of(&drawn(&mut model));
        assert!(!told.contains("+HEAD:main"), "{size:?}");
        assert_eq!(press(&mut model, "⏎"), [], "{size:?}");
        assert!(drawn(&mut model).contains("to its end"), "{size:?}");
        let is_at_end =
            |it: &Model| it.dialog.as_ref().is_some_and(|d| d.read >= it.extent.facts.0);
        while !is_at_end(&model) {
            press(&mut model, " ");
            told.push_str(&facts_of(&drawn(&mut model)));
        }
        let all = (0..200).map(|n| format!("HEAD:refs/heads/release/{n}"));
        for word in all.chain(["+HEAD:main".into()]) {
            assert!(told.contains(&word), "{word} was on the screen at {size:?}");
        }
        // Another size shows other lines.
        model.size = (size.0, size.1 + 1);
        update(&mut model, Input::Terminal(Event::Resize(size.0, size.1 + 1)), now());
        drawn(&mut model);
        assert_eq!(press(&mut model, "⏎"), [], "{size:?}");
        model.size = (20, 5);
        drawn(&mut model);
        assert_eq!(press(&mut model, "⏎"), [], "nothing of it is shown");
        model.size = size;
        update(&mut model, Input::Terminal(Event::Resize(size.0, size.1)), now());
        drawn(&mut model);
        while !is_at_end(&model) {
            press(&mut model, " ");
            drawn(&mut model);
        }
        let order = Order::Approve { id: "P-31.4".into() };
        assert_eq!(press(&mut model, "⏎"), [Effect::Send(order, String::new())], "{size:?}");
    }
}

#[test]
fn that_a_sign_off_lands_is_said_before_all_else() {
    let mut model = everything(Place::NeedsYou, (60, 15));
    press(&mut model, "a");
    let dialog = model.dialog.as_mut().expect("it is open");
    (dialog.is_final, dialog.note) = (true, "It lands on main. That is not taken back.".into());
    let shown = drawn(&mut model);
    let at = |words: &str| shown.find(words).unwrap_or(usize::MAX);
    assert!(at("It lands on main") < at("│ Ticket "), "{shown}");
    assert!(shown.contains("│ Ticket "), "{shown}");
}

#[test]
fn what_needs_a_text_is_not_sent_without_one_and_letters_are_no_keys_in_it() {
    for (keys, typed) in [("r", "q"), ("jd", "g"), ("jj1", "?"), ("jjj1", "j"), ("jjjw", "a")] {
        let mut model = everything(Place::NeedsYou, SMALL);
        press(&mut model, keys);
        assert_eq!(press(&mut model, "⏎"), [], "{keys}");
        let sent = press(&mut model, &format!("{typed}⏎"));
        assert!(matches!(&sent[..], [Effect::Send(_, text)] if text == typed), "{keys}: {sent:?}");
    }
}

#[test]
fn keys_that_decide_nothing_here_say_what_can_be_decided() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "d");
    assert!(model.dialog.is_none());
    assert!(model.said.as_ref().is_some_and(|it| it.text.contains("a signs off")));
    model.in_lane = true;
    press(&mut model, "a");
    assert!(model.dialog.is_none(), "a lane decides nothing");
}

#[test]
fn a_change_is_asked_for_once_and_an_unchanged_home_never() {
    let mut model = everything(Place::NeedsYou, SMALL);
    for seconds in 1..600 {
        assert_eq!(update(&mut model, Input::Due, later(seconds)), []);
        assert_eq!(update(&mut model, Input::Beat, later(seconds)), []);
    }
    let said = || happened("MC-7", "commented", "");
    for _ in 0..50 {
        assert_eq!(update(&mut model, Input::Happened(said()), later(600)), []);
    }
    assert!(model.wake() < later(601), "it is not forgotten");
    let asked = update(&mut model, Input::Due, later(601));
    assert!(matches!(&asked[..], [Effect::Fetch(wants)] if wants.len() == 1), "{asked:?}");
    assert_eq!(update(&mut model, Input::Due, later(602)), [], "one at a time");
    model.project = Some("OTHER".into());
    update(&mut model, Input::Fetched, later(603));
    update(&mut model, Input::Happened(said()), later(604));
    assert_eq!(update(&mut model, Input::Due, later(700)), [], "another project's");
}

#[test]
fn the_chosen_decision_stays_chosen_when_others_come_and_go() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "jj");
    let mut other = decisions();
    other.rotate_right(1);
    update(&mut model, Input::Got(Part::NeedsYou(other)), now());
    assert_eq!(model.current().map(|it| it.ticket.key.as_str()), Some("MC-9"));
}

#[test]
fn words_are_found_on_the_board_and_a_key_opens_its_ticket() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "/piece 42⏎");
    assert_eq!(model.place, Place::Board);
    assert_eq!(model.chosen_card().map(|it| it.key.as_str()), Some("MC-42"));
    press(&mut model, "⎋");
    assert!(model.filter.is_empty());
    press(&mut model, "/mc-9⏎");
    assert_eq!(model.place, Place::Ticket("MC-9".into()));
    press(&mut model, "⎋");
    assert_eq!(model.place, Place::Board);
}

#[test]
fn a_ticket_that_is_not_there_leads_back_and_says_why() {
    let mut model = everything(Place::Board, SMALL);
    press(&mut model, "/mc-99⏎");
    let none = Failure::new(Exit::No, "not_found", "there is no ticket `MC-99`");
    update(&mut model, Input::NotGot(Want::Ticket("MC-99".into()), none), now());
    assert_eq!(model.place, Place::Board);
    assert!(drawn(&mut model).contains("there is no ticket `MC-99`"));
}

#[test]
fn the_keys_of_the_pages_lead_to_the_same_screens() {
    let mut model = everything(Place::NeedsYou, SMALL);
    for (keys, place) in [("gb", Place::Board), ("gf", Place::Fleet), ("gn", Place::NeedsYou)] {
        press(&mut model, keys);
        assert_eq!(model.place, place);
    }
    press(&mut model, "gs");
    assert!(model.said.as_ref().is_some_and(|it| it.text.contains("http://127.0.0.1:1/settings")));
    press(&mut model, "⏎");
    assert_eq!(model.place, Place::Ticket("MC-7".into()));
    press(&mut model, "p");
    assert_eq!(model.place, Place::Packet("MC-7".into()));
    press(&mut model, "⎋⎋");
    assert_eq!(model.place, Place::NeedsYou);
    press(&mut model, "?");
    insta::assert_snapshot!("help_80", drawn(&mut model));
    press(&mut model, "q");
    assert!(model.help.is_none());
    assert_eq!(press(&mut model, "q"), [Effect::Quit]);
}

#[test]
fn a_paste_goes_into_the_field_as_one_line_and_sends_nothing() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "r");
    let effects =
        update(&mut model, Input::Terminal(Event::Paste("one\ntwo\r\u{1b}".into())), now());
    assert_eq!(effects, []);
    assert_eq!(model.dialog.as_ref().map(super::ask::Dialog::text), Some("one two"));
}
