//! Whatever people and agents write arrives as text, and no form can be forged.

use mission_server::pages::view::ConsoleView;
use mission_server::pages::{fragment, ticket};

use crate::{look, sample};

#[test]
fn bad_text_is_escaped_wherever_it_can_stand() {
    let mut view = sample::ticket_view();
    view.ticket.title = sample::BAD.into();
    view.ticket.body = sample::BAD.into();
    view.ticket.labels = vec![sample::BAD.into()];
    view.ticket.reason.text = sample::BAD.into();
    view.ticket.findings[0].text = sample::BAD.into();
    view.ticket.source.principal = format!("person:{}", sample::BAD);
    view.messages[0].body = sample::BAD.into();
    view.policy = vec![sample::BAD.into()];
    view.console = Some(ConsoleView {
        attempt: sample::dead_attempt(),
        output: sample::BAD.into(),
        attach: Some(sample::BAD.into()),
        is_here: true,
        earlier: Vec::new(),
    });
    let page = ticket::page(&view).into_string();
    assert!(!page.contains("<script>alert") && !page.contains("<img src=x"), "markup got through");
    assert!(page.matches("&lt;script&gt;").count() >= 9, "the text itself is there");
    // A request is Markdown, and a quote in the text between two tags ends nothing.
    view.ticket.body.clear();
    let page = ticket::page(&view).into_string();
    let attributes_end = page.contains("alert(\"x\")");
    assert!(!attributes_end, "a quote ended an attribute");
}

#[test]
fn a_long_or_right_to_left_title_is_there_whole() {
    for title in [sample::LONG, sample::RTL] {
        assert!(title.chars().count() >= 40);
        let mut t = sample::signoff_ticket();
        t.title = title.into();
        let card = fragment::card(&t, sample::shell().viewer()).into_string();
        assert!(card.contains(title) && card.contains("dir=\"auto\""));
    }
}

#[test]
fn every_form_that_posts_has_a_token() {
    for (name, page) in look::pages() {
        for form in page.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            let posts = form.contains("method=\"post\"");
            assert!(
                !posts || form.contains("name=\"csrf\""),
                "{name} has a form without a token: {form}"
            );
        }
    }
}

#[test]
fn every_verdict_names_the_packet_it_was_given_on() {
    let pages = look::pages();
    let forms: Vec<&str> = pages
        .iter()
        .flat_map(|(_, page)| page.split("<form").skip(1))
        .filter(|f| f.contains("/verdict\""))
        .collect();
    assert!(forms.len() >= 4, "{} verdict forms", forms.len());
    for form in forms {
        for field in ["packet", "gate"] {
            assert!(form.contains(&format!("name=\"{field}\"")), "no {field} in {form}");
        }
    }
}
