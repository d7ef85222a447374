//! The fragments that pages and the live stream share.

use mission_server::pages::fragment;
use mission_server::pages::ticket::activity::fold;

use crate::sample;

/// One element a line.
fn readable(markup: &str) -> String {
    markup.replace("><", ">\n<")
}

#[test]
fn a_card_says_state_gate_and_next_action() {
    let card = fragment::card(&sample::signoff_ticket(), sample::shell().viewer()).into_string();
    insta::assert_snapshot!(readable(&card));
}

#[test]
fn an_ask_holds_its_answers_in_place() {
    let shell = sample::shell();
    let ask = fragment::ask(&sample::asks()[0], None, shell.viewer(), true).into_string();
    insta::assert_snapshot!(readable(&ask));
}

#[test]
fn a_message_shows_how_far_it_came() {
    let inbox = fragment::inbox(&sample::ticket_view()).into_string();
    insta::assert_snapshot!(readable(&inbox));
}

#[test]
fn what_another_person_owes_is_not_violet() {
    let mut t = sample::signoff_ticket();
    t.next_action = Some(sample::next("person", "jonas", "sign off the design"));
    let shell = sample::shell();
    let bar = fragment::situation(&t, 0, shell.viewer()).into_string();
    assert!(bar.contains("jonas") && !bar.contains("data-you"), "{bar}");
    let gate = fragment::gate(&t, None, shell.viewer()).into_string();
    assert!(!gate.contains("value=\"pass\""), "only who owes it is asked");
}

#[test]
fn refuted_claims_come_first() {
    let panel = fragment::packet(&sample::signoff_ticket(), Some(&sample::packet())).into_string();
    let at = |text: &str| panel.find(text).expect(text);
    assert!(at("pnpm lighthouse") < at("pnpm audit") && at("pnpm audit") < at("pnpm test"));
}

#[test]
fn eighty_repeats_of_a_sweep_are_two_rows_with_a_count() {
    let rows = fold(&sample::events());
    let counted: Vec<u32> = rows.iter().map(|r| r.times).collect();
    assert_eq!(counted, [40, 40, 1, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn the_demo_stand_in_is_shown_as_scripted() {
    let panel = fragment::activity(&sample::events(), &[], sample::shell().viewer()).into_string();
    assert!(panel.contains("scripted"));
}

#[test]
fn missing_evidence_is_said_to_be_missing() {
    let panel =
        fragment::gate(&sample::signoff_ticket(), None, sample::shell().viewer()).into_string();
    assert!(panel.contains("0 of 4 required") && panel.contains("not delivered"));
}

#[test]
fn what_one_person_writes_is_one_row_and_the_newest_text_is_shown() {
    let wrote = |kind: &str, text: &str| {
        let mut event = sample::events()[0].clone();
        event.kind = kind.into();
        event.principal = "person:ada".into();
        event.body = serde_json::json!({ "text": text });
        event
    };
    let again = wrote("message_repeated", "");
    let rows = fold(&[again.clone(), wrote("message_queued", "b"), wrote("message_queued", "a")]);
    assert_eq!((rows.len(), rows[0].times), (1, 3));
    assert_eq!(rows[0].text, "wrote, last: b");
    assert_eq!(fold(&[again.clone(), again])[0].text, "wrote the same text again");
    assert_eq!(fold(&[wrote("message_queued", "a")])[0].text, "wrote: a");
}

#[test]
fn a_gate_is_shown_as_what_its_ticket_is_at() {
    let shell = sample::shell();
    let rail = |state: &str, outcomes: &[&str]| {
        let mut ticket = sample::ticket(8, "Berths", state, outcomes);
        ticket.next_action = Some(sample::next("person", "anyone", "decide"));
        fragment::rail(&ticket, shell.viewer()).into_string()
    };
    let asks = rail("needs_input", &["passed", "pending"]);
    assert!(asks.contains(r#"id="at-design_direction" data-gate="active" data-you"#), "{asks}");
    let stuck = rail("blocked", &["passed", "pending"]);
    assert!(stuck.contains(r#"id="at-design_direction" data-gate="failed""#), "{stuck}");
    assert!(stuck.contains("<em>blocked</em>"), "{stuck}");
    for state in ["parked", "cancelled"] {
        let rests = rail(state, &["active"]);
        assert!(!rests.contains(r#"data-gate="active""#), "{state}: {rests}");
    }
}

#[test]
fn a_blocked_card_says_why() {
    let card = fragment::card(&sample::blocked_ticket(), sample::shell().viewer()).into_string();
    assert!(card.contains("Three attempts died out of memory"), "{card}");
}

#[test]
fn a_person_who_signed_off_is_named_before_the_controller_that_looked_again() {
    let mut ticket = sample::ticket(8, "Berths", "done", &["passed"]);
    let gate = &mut ticket.gates[0];
    let by = |principal: &str| {
        let signoff = sample::signoff("passed");
        mission_domain::doc::SignoffDoc { principal: principal.into(), ..signoff }
    };
    gate.signoffs = vec![by("controller"), by("person:elmar"), by("controller")];
    gate.signoff = Some(by("controller"));
    let rail = fragment::rail(&ticket, sample::shell().viewer()).into_string();
    assert!(rail.contains("<bdi>elmar</bdi>"), "{rail}");
}

#[test]
fn a_ticket_that_waits_for_two_decisions_is_held_up_once() {
    let mut asks = sample::asks();
    asks.truncate(2);
    let held = |keys: &[&str]| keys.iter().map(|it| it.parse().expect("a key")).collect();
    asks[0].held = held(&["MC-90", "MC-91"]);
    asks[1].held = held(&["MC-91"]);
    assert_eq!(fragment::held_up(&asks), 2);
}

#[test]
fn what_is_signed_off_is_read_beside_the_answer() {
    let mut packet = sample::packet();
    packet.commands.clear();
    packet.texts = vec![mission_server::pages::TextView {
        kind: "plan".into(),
        digest: "sha256:00".into(),
        text: "1. write it\n2. test it".into(),
        is_cut: true,
    }];
    let panel = fragment::packet(&sample::signoff_ticket(), Some(&packet)).into_string();
    assert!(panel.contains("<li>write it</li>") && panel.contains("Read all of it"), "{panel}");
    assert!(!panel.contains("No command was claimed"), "{panel}");
}

#[test]
fn a_long_question_is_told_once_and_its_beginning_above() {
    let mut ticket = sample::question_ticket();
    let text = format!("{}the end", "Which of these is it? ".repeat(60));
    ticket.question.as_mut().expect("a question").text.clone_from(&text);
    ticket.reason.text = format!("an agent asks: {text}");
    let shell = sample::shell();
    let above = fragment::situation(&ticket, 0, shell.viewer()).into_string();
    assert!(above.contains("Read the question") && !above.contains("the end"), "{above}");
    let gate = fragment::gate(&ticket, None, shell.viewer()).into_string();
    assert_eq!(gate.matches("the end").count(), 1, "{gate}");
}

#[test]
fn who_died_and_how_is_told_where_the_way_out_is_chosen() {
    let asks = sample::asks();
    let blocked = asks.iter().find(|it| it.kind == "blocked").expect("a blocked one");
    let died = sample::dead_attempt();
    let ask = fragment::ask(blocked, Some(&died), sample::shell().viewer(), false).into_string();
    assert!(ask.contains("ended by SIGKILL, out of memory") && ask.contains("Killed"), "{ask}");
}

#[test]
fn the_last_words_of_a_death_steer_no_terminal() {
    let mut died = sample::dead_attempt();
    if let Some(death) = &mut died.death {
        death.last_output =
            "\u{1b}[2J\u{1b}[1;31mKilled\u{1b}[0m\r\n\u{1b}]0;title\u{7}at last".into();
    }
    let shell = sample::shell();
    let deaths = fragment::deaths(std::slice::from_ref(&died), shell.viewer()).into_string();
    assert!(deaths.contains(">Killed\nat last</pre>"), "{deaths}");
    let path = format!("href=\"/tickets/{}?attempt={}#terminal-{1}\"", died.ticket, died.id);
    assert!(deaths.contains(&path), "{deaths}");
    let mut blocked = sample::asks().remove(0);
    blocked.kind = "blocked".into();
    let ask = fragment::ask(&blocked, Some(&died), shell.viewer(), false).into_string();
    assert!(ask.contains(">Killed\nat last</pre>"), "{ask}");
}

#[test]
fn lanes_at_work_come_before_those_that_are_waited_for_and_those_before_idle_ones() {
    let mut view = sample::fleet();
    let mut lane = view.lanes.remove(0);
    let mut named = |role: &str, attempts: usize, queued| {
        role.clone_into(&mut lane.role);
        lane.attempts = vec!["A-1".into(); attempts];
        lane.queued = queued;
        lane.clone()
    };
    view.lanes = vec![
        named("idle-a", 0, 0),
        named("waited", 0, 2),
        named("idle-b", 0, 0),
        named("works-a", 1, 0),
        named("works-b", 2, 3),
    ];
    let page = mission_server::pages::fleet::page(&view).into_string();
    let order = ["works-a", "works-b", "waited", "idle-a", "idle-b"];
    let at = order.map(|it| page.find(&format!("id=\"lane-MC-{it}\"")).expect(it));
    assert!(at.is_sorted(), "{at:?}");
}

#[test]
fn a_time_in_a_reason_is_a_moment_that_the_browser_tells_in_its_zone() {
    let at = "2026-11-29T08:15:30Z";
    let moment = format!("<time data-clock=\"day\" datetime=\"{at}\"");
    let shell = sample::shell();
    let mut ticket = sample::signoff_ticket();
    ticket.next_action = Some(sample::next("time", at, "try plan again"));
    for (code, text) in [
        ("retry_wait", "attempt 2 of 3 of plan comes at 08:15:30".to_owned()),
        ("not_before", format!("waits until {at}")),
    ] {
        (ticket.reason.code, ticket.reason.text) = (code.into(), text);
        let bar = fragment::situation(&ticket, 0, shell.viewer()).into_string();
        assert!(bar.contains(&moment), "{bar}");
        assert!(!bar.contains("08:15:30<"), "{bar}");
    }
    let notices = [format!("Dispatch rests until {at}: 4 workers died; `mission up`, 3 of 5.")];
    let banner = fragment::notices(&notices).into_string();
    assert!(banner.contains(&moment), "{banner}");
    assert!(
        banner.contains("</time>: 4 workers died; <code>mission up</code>, 3 of 5."),
        "{banner}"
    );
    // What somebody else wrote stays as it is.
    (ticket.reason.code, ticket.reason.text) = ("failed".into(), format!("it said {at}"));
    let bar = fragment::situation(&ticket, 0, shell.viewer()).into_string();
    assert!(bar.contains(&format!("it said {at}")), "{bar}");
}
