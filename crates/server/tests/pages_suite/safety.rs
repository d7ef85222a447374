//! Whatever people and agents write arrives as text, and no form can be forged.

use mission_domain::doc::PacketRefDoc;
use mission_domain::unseen::is_unseen;
use mission_server::pages::diff::Style;
use mission_server::pages::diff::parse::parse;
use mission_server::pages::view::{ConsoleView, May, Shell};
use mission_server::pages::{
    board, digest, fleet, fragment, needs_you, packet_page, projects, ticket,
};

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
        journal: mission_control::Journal::Kept,
        output_end: 6,
        goes_on: true,
        is_newest: true,
        others: Vec::new(),
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
fn the_change_page_shows_what_a_change_would_hide() {
    let text = "diff --git a/vendor b/vendor
new file mode 160000
index 0000000..3333333
--- /dev/null
+++ b/vendor
@@ -0,0 +1 @@
+Subproject commit 3333333333333333333333333333333333333333
diff --git a/config.ini b/config.ini
new file mode 120000
index 0000000..4444444
--- /dev/null
+++ b/config.ini
@@ -0,0 +1 @@
+/etc/passwd
diff --git a/a.js b/a.js
old mode 100644
new mode 100755
index 5555555..6666666
--- a/a.js
+++ b/a.js
@@ -1 +1 @@
-ok
+/* \u{202e} } \u{2066}if (isAdmin)\u{2069} \u{e0061}\u{200b} */ grant();
diff --git \"a/x\\n\\342\\200\\256\" \"b/x\\n\\342\\200\\256\"
old mode 100644
new mode 100755
";
    for style in [Style::Unified, Style::Split] {
        let mut view = sample::packet_page(true, style);
        view.ticket.title = "\u{202e}desrever\u{200b}".into();
        let gate = view.ticket.gates.iter_mut().find(|it| it.role == "coder").expect("a gate");
        gate.runtime = Some("codex".into());
        gate.packet = Some(PacketRefDoc {
            digest: "sha256:00".into(),
            commit: Some("0123456789".into()),
            status: "verified".into(),
        });
        view.packet.role = Some("controller".into());
        view.packet.runtime = None;
        view.packet.commands.clear();
        view.patch = Some(Ok(parse(text, false)));
        let page = packet_page::page(&view).into_string();
        for shown in [
            "submodule at commit 3333333333333333333333333333333333333333",
            "symbolic link to /etc/passwd",
            "mode 100644 → 100755 (now executable)",
            r"/* \u202e } \u2066if (isAdmin)\u2069 \U000e0061\u200b */ grant();",
            r"x\n\u202e",
            r"\u202edesrever\u200b",
            "characters that are not seen",
            "Mission Control looked at",
            "delivered by <bdi>coder (codex)</bdi>",
        ] {
            assert!(page.contains(shown), "{shown}");
        }
        assert!(!page.contains("Mission Control delivered"));
        let text = page.replace(['\n', '\t'], "");
        let raw: Vec<&str> = text
            .split('>')
            .filter(|it| it.split('<').next().is_some_and(|it| it.contains(is_unseen)))
            .collect();
        assert_eq!(raw, Vec::<&str>::new(), "raw in a text");
    }
}

#[test]
fn who_may_only_look_is_offered_nothing_that_is_refused_and_is_told_that_it_waits_for_a_person() {
    let only_looks = |shell: &mut Shell| {
        shell.may = May::Look;
        shell.person = "vera".into();
    };
    let mut asks = sample::needs_you();
    let mut board = sample::board(40);
    let mut ticket = sample::ticket_view();
    let mut change = sample::packet_page(true, Style::Unified);
    let mut fleet = sample::fleet();
    let mut digest = sample::digest();
    let mut projects = sample::projects();
    let shells = [
        &mut asks.shell,
        &mut board.shell,
        &mut ticket.shell,
        &mut change.shell,
        &mut fleet.shell,
        &mut digest.shell,
        &mut projects.shell,
    ];
    shells.into_iter().for_each(only_looks);
    let asked = needs_you::page(&asks).into_string();
    for (name, page) in [
        ("needs you", asked.clone()),
        ("board", board::page(&board).into_string()),
        ("ticket", ticket::page(&ticket).into_string()),
        ("change", packet_page::page(&change).into_string()),
        ("fleet", fleet::page(&fleet).into_string()),
        ("digest", digest::page(&digest).into_string()),
        ("projects", projects::page(&projects).into_string()),
    ] {
        let main = page.split("<main").nth(1).expect("a main part");
        let main = main.split("</main>").next().expect("its end");
        let posts: Vec<&str> = page
            .split("<form")
            .skip(1)
            .filter_map(|it| it.split("action=\"").nth(1)?.split('"').next())
            .filter(|it| !["/sign-out", "/digest/seen", "/board", "/settings"].contains(it))
            .collect();
        assert_eq!(posts, Vec::<&str>::new(), "{name}");
        assert!(!page.contains("/tickets/new"), "{name} offers a new ticket");
        for word in [">You<", "for you<", "for you.", "await you", "Sign off", "Approve once"] {
            assert!(!main.contains(word), "{name} says {word}");
        }
    }
    assert!(asked.contains("wait for a person."), "{asked}");
    assert!(asked.contains("<bdi>A person</bdi>") || asked.contains("<bdi>elmar</bdi>"));
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
