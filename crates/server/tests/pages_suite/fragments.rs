//! The fragments that pages and the live stream share.

use mission_server::pages::assets;
use mission_server::pages::fragment;
use mission_server::pages::ticket::activity::fold;

use crate::sample;

/// One element a line, and the sprite's address without its hash.
fn readable(markup: &str) -> String {
    markup.replace(assets::icon_url(), "icons").replace("><", ">\n<")
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
    let shell = sample::shell();
    let inbox =
        fragment::inbox(&sample::signoff_ticket(), &sample::ticket_view().messages, shell.viewer())
            .into_string();
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
