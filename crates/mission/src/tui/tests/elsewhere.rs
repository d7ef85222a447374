//! What others decide while somebody looks: keys never act on what they were not meant for, and `u` takes back what was done here.

use super::*;

/// The view with what is left of the decisions at `at` milliseconds, as another fetch brings it.
fn left(model: &mut View, without: &str, at: i64) {
    let items = decisions().into_iter().filter(|it| it.ticket.key != without).collect();
    update(model, Input::Got(Part::NeedsYou(items)), after(at));
}

fn after(milliseconds: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_millis(milliseconds)
}

fn press_at(model: &mut View, keys: &str, at: i64) -> Vec<Effect> {
    let one = |c: char| if c == '⏎' { KeyCode::Enter } else { KeyCode::Char(c) };
    let events = keys.chars().map(|c| Event::Key(KeyEvent::new(one(c), KeyModifiers::NONE)));
    events.flat_map(|it| update(model, Input::Terminal(it), after(at))).collect()
}

fn sends(effects: &[Effect]) -> bool {
    effects.iter().any(|it| matches!(it, Effect::Send(..)))
}

fn said(model: &View) -> String {
    model.said.as_ref().map_or_else(String::new, |it| it.text.clone())
}

fn current(model: &View) -> String {
    model.current().map_or_else(String::new, |it| it.ticket.key.clone())
}

#[test]
fn keys_that_were_typed_for_a_ticket_that_went_act_on_no_other() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "jjj");
    let judged = happened("MC-10", "judged", "grace signed off QA review");
    update(&mut model, Input::Happened(judged), after(0));
    left(&mut model, "MC-10", 200);
    assert_eq!(current(&model), "MC-9");
    let told = "MC-10 was decided elsewhere: grace signed off QA review; MC-9 is chosen now";
    assert_eq!(said(&model), told);
    // A text that was typed ahead goes on for longer than the pause, and has keys in it that would move.
    assert!(!sends(&press_at(&mut model, "1", 800)));
    assert!(!sends(&press_at(&mut model, "jammed g1⏎", 1_400)));
    assert!(!sends(&press_at(&mut model, "1a⏎", 2_000)));
    assert!(model.dialog.is_none() && model.place == Place::NeedsYou && current(&model) == "MC-9");
    assert!(said(&model).contains("did nothing; MC-9 is chosen now"), "{}", said(&model));
    press_at(&mut model, "1", 2_800);
    assert!(model.dialog.is_some());
}

#[test]
fn a_move_ends_the_pause() {
    let mut model = everything(Place::NeedsYou, SMALL);
    left(&mut model, "MC-7", 0);
    assert_eq!(said(&model), "MC-7 was decided elsewhere; MC-8 is chosen now");
    press_at(&mut model, "j1", 100);
    assert!(model.dialog.as_ref().is_some_and(|it| it.unread.is_none()));
}

#[test]
fn the_first_decision_after_it_is_not_sent_with_the_key_that_opened_it() {
    let mut model = everything(Place::NeedsYou, SMALL);
    left(&mut model, "MC-7", 0);
    assert!(!sends(&press_at(&mut model, "a⏎", 5_000)));
    let shown = drawn(&mut model);
    assert!(shown.contains("MC-7 was decided elsewhere; enter sends this one"), "{shown}");
    let sent = press_at(&mut model, "⏎", 5_500);
    assert_eq!(sent, [Effect::Send(Order::Approve { id: "P-31.4".into() }, String::new())]);
}

#[test]
fn another_gate_of_the_same_ticket_is_another_decision() {
    let mut model = everything(Place::NeedsYou, SMALL);
    let mut next = decisions();
    next[0].ticket.gates[1].packet.as_mut().expect("a packet").digest = "sha256:cc".into();
    update(&mut model, Input::Got(Part::NeedsYou(next)), now());
    assert!(!sends(&press_at(&mut model, "a⏎", 300)));
    assert!(model.dialog.is_none());
    assert!(said(&model).contains("another packet of MC-7 has come"), "{}", said(&model));
}

#[test]
fn a_card_that_leaves_its_stack_takes_no_other_under_the_keys() {
    let mut model = everything(Place::Board, SMALL);
    let before = model.chosen_card().map(|it| it.key.clone()).expect("a card");
    let Part::Board(cards) = cards() else { panic!("the board") };
    let cards = cards.into_iter().filter(|it| it.key != before).collect();
    update(&mut model, Input::Got(Part::Board(cards)), now());
    assert!(!sends(&press_at(&mut model, "a⏎", 300)));
    assert!(model.dialog.is_none() && model.place == Place::Board, "{:?}", model.place);
}

#[test]
fn an_open_dialog_stays_about_its_ticket_and_says_who_was_first() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "a");
    update(
        &mut model,
        Input::Happened(happened("MC-7", "judged", "grace signed off QA review")),
        now(),
    );
    left(&mut model, "MC-7", 0);
    let shown = drawn(&mut model);
    assert!(shown.contains("MC-7 was decided elsewhere: grace signed off QA review"), "{shown}");
    assert!(shown.contains("MC-7 · The settings page"), "{shown}");
    assert!(!sends(&press_at(&mut model, "⏎", 2_000)));
}

#[test]
fn what_was_decided_here_is_not_told_as_decided_elsewhere() {
    let mut model = everything(Place::NeedsYou, SMALL);
    let [Effect::Send(order, _)] = &press(&mut model, "a⏎")[..] else { panic!("it is sent") };
    let text = "MC-7 is todo: the coder is next";
    update(&mut model, Input::Done(order.clone(), text.into()), now());
    left(&mut model, "MC-7", 100);
    assert_eq!(said(&model), text);
    assert!(!sends(&press_at(&mut model, "a⏎", 200)), "what was typed ahead acts on no other");
    press_at(&mut model, "a", 1_000);
    assert!(model.dialog.as_ref().is_some_and(|it| it.unread.is_none()));
}

#[test]
fn undo_takes_back_the_last_verdict_that_was_given_here_while_that_is_possible() {
    let mut model = everything(Place::NeedsYou, SMALL);
    press(&mut model, "u");
    assert!(model.dialog.is_none());
    assert!(said(&model).contains("no verdict was given here"), "{}", said(&model));
    let [Effect::Send(order, _)] = &press(&mut model, "a⏎")[..] else { panic!("it is sent") };
    update(&mut model, Input::Happened(happened("MC-7", "judged", "you")), now());
    update(&mut model, Input::Done(order.clone(), "done".into()), now());
    left(&mut model, "MC-7", 0);
    let back = Order::Withdraw { key: "MC-7".into(), gate: "qa_review".into() };
    press_at(&mut model, "u", 1_000);
    assert_eq!(
        model.dialog.as_ref().map(|it| &it.order),
        Some(&back),
        "not the one that came next"
    );
    let claimed = happened("MC-7", "claimed", "controller claimed implementation for A-40");
    update(&mut model, Input::Happened(claimed), after(1_500));
    assert!(matches!(model.dialog.as_ref().map(|it| &it.stage), Some(Stage::Changed(_))));
    press(&mut model, "⎋u");
    assert!(model.dialog.is_none());
    let why = "the verdict on MC-7 cannot be taken back any more: controller claimed";
    assert!(said(&model).starts_with(why), "{}", said(&model));
}

#[test]
fn the_last_sign_off_says_that_the_work_lands_where_and_for_good() {
    let gate = |id: &str, state: &str| json!({"id": id, "role": "coder", "state": state, "runtime": null, "required": true, "round": 1, "attempt": null, "packet": null, "signoff": null});
    let gates =
        |last: &str| json!({"gates": [gate("implementation", "passed"), gate(last, "active")]});
    for (last, says) in [
        ("final_validation", "lands on `trunk`. That cannot be"),
        ("report", "the ticket ends. That cannot be"),
    ] {
        let ticket = ticket("MC-7", "The settings page", "in_review", &gates(last));
        let parts = vec![Part::NeedsYou(vec![item("signoff", &ticket, "")])];
        let mut model = view(Place::NeedsYou, LARGE, parts);
        model.branches.insert("MC".into(), "trunk".into());
        for key in ["a", "w"] {
            press(&mut model, key);
            let shown = drawn(&mut model);
            assert!(shown.contains(says), "{shown}");
            assert_eq!(shown.contains("and land?"), last == "final_validation");
            press(&mut model, "⎋");
        }
    }
    let mut model = everything(Place::NeedsYou, LARGE);
    model.picture.needs_you.as_mut().expect("decisions")[0].ticket.gates[0].state = "stale".into();
    press(&mut model, "a");
    assert!(!drawn(&mut model).contains("cannot be taken back"), "another gate is open");
}

#[test]
fn the_help_is_never_cut_and_scrolls_where_it_does_not_fit() {
    for size in [(60, 12), (40, 10), (44, 30), (80, 24), (80, 12)] {
        let mut model = everything(Place::NeedsYou, size);
        press(&mut model, "?");
        let mut seen = drawn(&mut model);
        for _ in 0..40 {
            press(&mut model, "j");
            assert!(model.help.is_some() || model.extent.help == 0, "{size:?}");
            seen.push_str(&drawn(&mut model));
        }
        for does in super::super::keys::HELP.iter().flat_map(|it| it.1).map(|it| it.1) {
            assert!(seen.contains(does), "{does} at {size:?}");
        }
        press(&mut model, "x");
        assert!(model.help.is_none());
    }
}

#[test]
fn a_time_that_is_waited_for_is_told_as_people_read_it() {
    let Part::Board(mut all) = cards() else { panic!("the board") };
    all[4].who = Some("time:2030-05-03T11:47:24.67248071Z".into());
    let mut model = view(Place::Board, (200, 60), vec![Part::Board(all)]);
    let shown = drawn(&mut model);
    assert!(shown.contains("2030-05-03 ") && !shown.contains("67248071"), "{shown}");
}

#[test]
fn what_is_filtered_is_found_in_whichever_stack_it_is() {
    let mut model = everything(Place::Board, SMALL);
    press(&mut model, "fat work");
    assert_eq!(model.chosen_card().map(|it| it.key.as_str()), Some("MC-11"));
}

#[test]
fn a_dialog_that_no_server_answered_is_open_again_when_one_does() {
    let mut model = everything(Place::NeedsYou, SMALL);
    update(&mut model, Input::Lost("gone".into()), now());
    press(&mut model, "a⏎");
    assert!(drawn(&mut model).contains("nothing was sent"));
    update(&mut model, Input::Linked { url: String::new() }, now());
    assert!(!drawn(&mut model).contains("nothing was sent"));
    assert_eq!(press(&mut model, "⏎").len(), 1);
}

#[test]
fn ctrl_z_stops_the_view_wherever_it_is() {
    for keys in ["", "?", "a", "/x"] {
        let mut model = everything(Place::NeedsYou, SMALL);
        press(&mut model, keys);
        let ctrl_z = Event::Key(KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL));
        assert_eq!(update(&mut model, Input::Terminal(ctrl_z), now()), [Effect::Suspend]);
    }
}
