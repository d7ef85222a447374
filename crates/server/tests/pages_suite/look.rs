//! Writes every page into the folder that `MISSION_PAGES_OUT` names, to be looked at in a browser.

use std::path::PathBuf;

use mission_server::pages::diff::Style;
use mission_server::pages::diff::parse::parse;
use mission_server::pages::view::{
    BoardView, CampaignPart, Fault, NeedsYouView, NewTicketView, Problem, ProblemView,
    SettingsPart, SignInView, TypedTicket,
};
use mission_server::pages::{
    assets, board, calibration, digest, fleet, needs_you, new_ticket, packet_page, packets, policy,
    problem, projects, settings, sign_in, ticket,
};

use crate::sample;

/// Every page with its file name.
pub(crate) fn pages() -> Vec<(&'static str, String)> {
    let mut blocked = sample::ticket_view();
    blocked.ticket = sample::blocked_ticket();
    blocked.ticket.title = sample::LONG.into();
    blocked.console = Some(mission_server::pages::view::ConsoleView {
        attempt: sample::dead_attempt(),
        output: "Killed".into(),
        attach: None,
        journal: mission_control::Journal::Kept,
        output_end: 6,
        goes_on: true,
        is_newest: true,
        others: Vec::new(),
    });
    let mut question = sample::ticket_view();
    question.ticket = sample::question_ticket();
    question.ticket.title = sample::RTL.into();
    question.packet = None;
    question.console = None;
    question.messages.clear();
    let mut campaign = sample::ticket_view();
    campaign.ticket.kind = "campaign".into();
    campaign.ticket.gates.clear();
    campaign.ticket.state = "waiting".into();
    campaign.ticket.next_action = None;
    campaign.children = sample::tickets(14);
    let empty = NeedsYouView {
        asks: Vec::new(),
        acts: Vec::new(),
        lanes: Vec::new(),
        ..sample::needs_you()
    };
    let mut noticed = sample::shell();
    noticed.problem_notices = vec!["mission.toml in MC, line 12: unknown key `roles`; the last good one stays in force. Run `mission check`.".into()];
    let mut pages = vec![
        ("needs-you", needs_you::page(&sample::needs_you()).into_string()),
        ("needs-you-empty", needs_you::page(&empty).into_string()),
        ("board", board::page(&sample::board(40)).into_string()),
        (
            "board-empty",
            board::page(&BoardView { shell: noticed, ..sample::board_of(Vec::new()) })
                .into_string(),
        ),
        ("board-1000", board::page(&sample::board(1000)).into_string()),
        ("ticket", ticket::page(&sample::ticket_view()).into_string()),
        ("ticket-blocked", ticket::page(&blocked).into_string()),
        ("ticket-question", ticket::page(&question).into_string()),
        ("ticket-campaign", ticket::page(&campaign).into_string()),
        ("fleet", fleet::page(&sample::fleet()).into_string()),
        ("new", new_ticket::page(&new_ticket_view()).into_string()),
        (
            "sign-in",
            sign_in::page(&SignInView {
                csrf: "t".into(),
                problem: Some("The link was used before. Ask for a fresh one.".into()),
            })
            .into_string(),
        ),
        ("not-found", problem::page(&problem_view(Problem::NotFound)).into_string()),
        ("refused", problem::page(&problem_view(Problem::Refused)).into_string()),
        ("conflict", problem::page(&problem_view(conflict())).into_string()),
        (
            "failed",
            problem::page(&ProblemView { shell: None, ..problem_view(Problem::Failed) })
                .into_string(),
        ),
    ];
    pages.extend(more());
    pages
}

/// The pages about campaigns in parts, packets, and the home as a whole.
fn more() -> Vec<(&'static str, String)> {
    let mut cut = sample::packet_page(true, Style::Unified);
    let hidden = "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -0,0 +1 @@\n+turned \u{202e}around\n";
    cut.patch = Some(Ok(parse(hidden, true)));
    vec![
        ("campaign-dependencies", ticket::page(&part(CampaignPart::Dependencies)).into_string()),
        ("campaign-activity", ticket::page(&part(CampaignPart::Activity)).into_string()),
        ("board-bands", board::page(&sample::bands()).into_string()),
        ("packets", packets::page(&sample::packets()).into_string()),
        ("packet", packet_page::page(&sample::packet_page(false, Style::Unified)).into_string()),
        ("diff", packet_page::page(&sample::packet_page(true, Style::Unified)).into_string()),
        ("diff-since", packet_page::page(&sample::since_page()).into_string()),
        ("diff-split", packet_page::page(&sample::packet_page(true, Style::Split)).into_string()),
        ("diff-cut", packet_page::page(&cut).into_string()),
        ("digest", digest::page(&sample::digest()).into_string()),
        ("policy", policy::page(&sample::policy()).into_string()),
        ("projects", projects::page(&sample::projects()).into_string()),
        ("calibration", calibration::page(&sample::calibration()).into_string()),
        ("settings-people", settings::page(&sample::settings(SettingsPart::People)).into_string()),
        (
            "settings-runtimes",
            settings::page(&sample::settings(SettingsPart::Runtimes)).into_string(),
        ),
        ("settings-roles", settings::page(&sample::settings(SettingsPart::Roles)).into_string()),
        (
            "settings-workflows",
            settings::page(&sample::settings(SettingsPart::Workflows)).into_string(),
        ),
        ("settings-all", settings::page(&sample::settings(SettingsPart::All)).into_string()),
    ]
}

/// A campaign's page, opened at one of its parts.
fn part(part: CampaignPart) -> mission_server::pages::view::TicketView {
    let mut campaign = sample::ticket_view();
    campaign.ticket.kind = "campaign".into();
    campaign.children = sample::tickets(14);
    campaign.part = part;
    campaign
}

fn conflict() -> Problem {
    Problem::Conflict {
        who: "person:jonas".into(),
        what: "requested changes".into(),
        at: sample::ago(3),
    }
}

fn problem_view(kind: Problem) -> ProblemView {
    ProblemView {
        shell: Some(sample::shell()),
        kind,
        what: "The packet changed while you read it.".into(),
        next: "Read the new packet, then decide again.".into(),
        way_on: Some(("/tickets/MC-7".into(), "Open MC-7".into())),
    }
}

fn new_ticket_view() -> NewTicketView {
    let workflows =
        ["standard", "visual-redesign", "quick-fix", "docs", "research"].map(String::from).to_vec();
    NewTicketView {
        shell: sample::shell(),
        workflows: vec![("MC".into(), workflows)],
        typed: TypedTicket::default(),
        faults: vec![Fault {
            field: "blocked_by",
            text: "Waits for: there is no ticket `MC-999`.".into(),
        }],
        problem: None,
    }
}

#[test]
fn every_page_has_one_heading_its_landmarks_and_nothing_inline() {
    for (name, page) in pages() {
        assert_eq!(page.matches("<h1").count(), 1, "{name} has one h1");
        assert_eq!(page.matches("<main").count(), 1, "{name} has one main");
        assert!(!page.contains(" style="), "{name} has no style attribute");
        assert!(
            !page.contains("<style") && !page.contains(" onclick="),
            "{name} has nothing inline"
        );
        assert!(!page.contains("<script>"), "{name} has no inline script");
    }
}

#[test]
fn no_page_uses_an_id_twice() {
    for (name, page) in pages() {
        let mut ids: Vec<&str> =
            page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        ids.sort_unstable();
        let twice: Vec<_> = ids.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect();
        assert!(twice.is_empty(), "{name} uses {twice:?} twice");
    }
}

/// A browser ends a paragraph where a block begins, and what follows falls out of it.
#[test]
fn no_paragraph_of_a_page_holds_a_block() {
    const BLOCKS: [&str; 10] =
        ["<p", "<div", "<ul", "<ol", "<dl", "<pre", "<table", "<form", "<details", "<section"];
    let begins =
        |text: &str, tag: &str| text.split(tag).skip(1).any(|rest| rest.starts_with([' ', '>']));
    for (name, page) in pages() {
        let from = page.match_indices("<p").map(|(at, _)| &page[at + 2..]);
        for paragraph in from.filter(|it| it.starts_with([' ', '>'])) {
            let inside = paragraph.split("</p>").next().unwrap_or_default();
            let held = BLOCKS.iter().find(|tag| begins(inside, tag));
            assert_eq!(held, None, "{name}: <p{inside}");
        }
    }
}

#[test]
fn an_excerpt_leads_to_the_rest_and_folded_files_take_no_room_from_it() {
    let lines = |n: u32| (1..=n).map(|n| format!("+line {n}\n")).collect::<String>();
    let file = |path: &str, n: u32| {
        let head = format!("diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n");
        format!("{head}+++ b/{path}\n@@ -0,0 +1,{n} @@\n{}", lines(n))
    };
    let text = [file("big.txt", 3_001), file("mid.txt", 290), file("one.txt", 111)].concat();
    let of = |is_diff: bool| {
        let mut view = sample::packet_page(is_diff, Style::Unified);
        view.packet.base = Some("0123456789".into());
        view.packet.commit = Some("abcdef0123".into());
        view.patch = Some(Ok(parse(&text, is_diff)));
        packet_page::page(&view).into_string()
    };
    let excerpt = of(false);
    assert!(excerpt.contains("/diff#file-0\">2941 more lines in the full diff</a>"));
    assert!(excerpt.contains("/diff#file-2\">1 more line in the full diff</a>"));
    assert!(!excerpt.contains("git diff"));
    let whole = of(true);
    assert!(
        whole.contains(
            "1 more line. See it with <code>git diff 01234567..abcdef01 -- big.txt</code>"
        )
    );
    assert!(whole.contains("<code>git diff 01234567..abcdef01</code> shows all of it"));
}

#[test]
fn a_sign_off_of_a_person_is_not_told_as_independent_by_a_model() {
    let of = |principal: &str| {
        let mut view = sample::ticket_view();
        for gate in &mut view.ticket.gates {
            for signoff in gate.signoffs.iter_mut().chain(gate.signoff.as_mut()) {
                signoff.principal = principal.into();
                signoff.independence = Some("model_family".into());
            }
        }
        ticket::page(&view).into_string()
    };
    assert!(of("lane:qa/claude").contains("independent by model family"));
    assert!(!of("person:ada").contains("independent by"));
}

#[test]
fn the_list_of_changed_files_leads_to_all_of_them() {
    let mut view = sample::ticket_view();
    let packet = view.packet.as_mut().expect("a packet");
    packet.files = vec![packet.files[0].clone(); 25];
    assert!(ticket::page(&view).into_string().contains("/diff\">19 more files</a>"));
}

#[test]
fn a_finding_about_a_removed_line_stands_at_that_line() {
    let text = "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,3 @@\n-first\n+one\n+two\n same\n";
    for style in [Style::Unified, Style::Split] {
        let mut view = sample::packet_page(true, style);
        view.patch = Some(Ok(parse(text, false)));
        let mut finding = view.ticket.findings.remove(0);
        finding.file = Some("a.txt".into());
        finding.line = Some(1);
        finding.text = "Keep it. (about a removed line)".into();
        view.ticket.findings = vec![finding];
        let page = packet_page::page(&view).into_string();
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(page.matches("Keep it.").count(), 1, "{style:?}");
        assert!(
            at("Keep it.") > at("first</code>") && at("Keep it.") < at("two</code>"),
            "{style:?}"
        );
        if style == Style::Unified {
            assert!(at("Keep it.") < at("one</code>"));
        }
    }
}

#[test]
fn pages_can_be_written_to_a_folder_to_be_looked_at() {
    let kept = std::env::var_os("MISSION_PAGES_OUT").map(PathBuf::from);
    let folder = tempfile::tempdir().expect("a folder");
    let out = kept.unwrap_or_else(|| folder.path().to_owned());
    for (name, page) in pages() {
        std::fs::write(out.join(format!("{name}.html")), page).expect("written");
    }
    let written = std::fs::read_dir(&out).expect("the folder").count();
    assert!(written >= pages().len(), "{written} files");
}

#[test]
fn every_file_and_glyph_that_a_page_names_exists() {
    for (name, page) in pages() {
        let glyphs = page.matches("<svg class=\"i").count();
        assert!(glyphs > 0, "{name} shows glyphs");
        assert!(!page.contains("viewBox=\"\""), "{name} names a glyph that the sprite has not");
        for address in page.split("/assets/").skip(1).filter_map(|rest| rest.split('"').next()) {
            let (path, version) = address.split_once("?v=").unwrap_or((address, ""));
            let file = assets::asset(path).unwrap_or_else(|| panic!("{name} names {path}"));
            assert_eq!(
                file.etag,
                format!("\"{version}\""),
                "{path} has the version of its content"
            );
        }
    }
    let style = assets::asset("mission.css").expect("the stylesheet");
    let style = String::from_utf8(style.bytes.to_vec()).expect("text");
    let fonts = style.split("url(fonts/").skip(1).filter_map(|rest| rest.split(')').next());
    for font in fonts {
        let (path, _) = font.split_once("?v=").expect("a version, so that it is asked for once");
        let address = assets::url(&format!("fonts/{path}"));
        assert_eq!(format!("/assets/fonts/{font}"), address, "the address that pages load first");
    }
    let none = assets::asset("../Cargo.toml");
    assert!(none.is_none(), "nothing outside the folder is answered");
}
