//! Sample views about the home as a whole, and of packets with their change.

use std::sync::Arc;

use mission_control::{
    DigestChangeDoc, DigestDoc, DigestTicketDoc, PersonDoc, SessionDoc, TokenDoc,
};
use mission_domain::access::{Access, AccessNote};
use mission_domain::config;
use mission_domain::doc::{ApprovalDoc, ScheduleDoc, SignoffDoc, TicketDoc};
use mission_domain::principal::Principal;
use mission_domain::rules::Rules;
use mission_server::pages::diff::Style;
use mission_server::pages::diff::parse::parse;
use mission_server::pages::view::{
    CalibrationView, DigestView, PacketLine, PacketPage, PacketsView, PolicyView, ProjectLine,
    ProjectsView, SettingsPart, SettingsView, Since,
};

use super::*;

/// A change of three files, one of them longer than what is shown unfolded.
fn patch() -> String {
    let long: String = (1..=400).map(|n| format!("+line {n} of a long file\n")).collect();
    format!(
        "diff --git a/web/BerthCard.tsx b/web/BerthCard.tsx\n--- a/web/BerthCard.tsx\n+++ b/web/BerthCard.tsx\n@@ -18,4 +18,5 @@ function BerthCard() {{\n <article class=\"berth\">\n-<a href={{url}}>Check…</a>\n+<WeekStrip nights={{nights}} />\n+<Tonight nights={{nights}} />\n </article>\n <script>alert(1)</script>\ndiff --git a/web/boat.png b/web/boat.png\nBinary files a/web/boat.png and b/web/boat.png differ\ndiff --git a/web/long.css b/web/long.css\nnew file mode 100644\n--- /dev/null\n+++ b/web/long.css\n@@ -0,0 +1,400 @@\n{long}"
    )
}

/// The page of a packet whose verdict the person owes.
pub(crate) fn packet_page(is_diff: bool, style: Style) -> PacketPage {
    let mut ticket = signoff_ticket();
    let stands = ticket.gates.iter().position(|it| it.state == "active").expect("an active gate");
    if let Some(finding) = ticket.findings.first_mut() {
        finding.file = Some("web/BerthCard.tsx".into());
        finding.line = Some(19);
    }
    PacketPage {
        shell: shell(),
        gate: ticket.gates[stands].clone(),
        ticket,
        packet: packet(),
        sealed_at: Some(ago(30)),
        patch: Some(Ok(parse(&patch(), false))),
        style,
        is_diff,
        since: None,
    }
}

/// The same since an earlier round, in which somebody asked for changes.
pub(crate) fn since_page() -> PacketPage {
    let mut page = packet_page(true, Style::Unified);
    let earlier = "0123456789abcdef0123456789abcdef01234567";
    let asked = SignoffDoc {
        verdict: "changes".into(),
        principal: "lane:qa/claude".into(),
        commit: Some(earlier.into()),
        packet: None,
        fresh: false,
        held: None,
        reason: "the card says nothing of tonight".into(),
        independence: None,
        at: ago(90),
    };
    page.ticket.gates[0].signoffs.push(asked);
    let commits = "1:  0123456 ! 1:  89abcde berth: a card\n    @@ web/BerthCard.tsx\n      <article class=\"berth\">\n    -+<b>{nights}</b>\n    ++<WeekStrip nights={nights} />\n-:  ------- > 2:  fedcba9 berth: <i>tonight</i>\n";
    let patch = Some(parse(&patch(), false));
    page.since =
        Some(Since { commit: earlier.into(), commits: Ok((commits.into(), false)), patch });
    page
}

pub(crate) fn packets() -> PacketsView {
    let ticket = signoff_ticket();
    let with_packet = ticket.gates.iter().filter(|it| it.packet.is_some());
    let line = |gate: &GateDoc| PacketLine {
        key: ticket.key.clone(),
        title: ticket.title.clone(),
        gate: gate.clone(),
        is_owed: true,
        at: ago(12),
    };
    let packets: Vec<_> = with_packet.map(line).collect();
    let counts = vec![("verified".into(), 3), ("refuted".into(), 1)];
    PacketsView { shell: shell(), packets, status: None, counts, total: 4, from: 0 }
}

pub(crate) fn digest_doc() -> DigestDoc {
    let change = |kind: &str, text: &str, count| DigestChangeDoc {
        at: ago(20),
        principal: "person:elmar".into(),
        kind: kind.into(),
        text: text.into(),
        count,
    };
    let ticket = |key: &str, title: &str, changes: Vec<DigestChangeDoc>| DigestTicketDoc {
        key: key.into(),
        title: title.into(),
        state: "active".into(),
        next: "review the diff".into(),
        changes,
    };
    DigestDoc {
        since: ago(134),
        until: now(),
        is_cut: true,
        needs_you: 4,
        tickets: vec![
            ticket(
                "MC-7",
                LONG,
                vec![
                    change("judged", "waived user testing: no new flow <b>", 1),
                    change("attempt_ended", "ended A-3: died, out of memory", 3),
                    change("finished", "finished it", 1),
                ],
            ),
            ticket("MC-8", RTL, vec![change("judged", "signed off plan", 1)]),
        ],
    }
}

pub(crate) fn digest() -> DigestView {
    let digest = digest_doc();
    let doc = |key: &str, title: &str| {
        Arc::new(TicketDoc { key: key.into(), title: title.into(), ..signoff_ticket() })
    };
    let told = digest.tickets.iter().map(|it| (doc(&it.key, &it.title), it.changes.clone()));
    let shown = told.collect();
    DigestView { shell: shell(), digest, shown, from: 0, is_since_seen: true }
}

fn rules() -> Vec<(String, Arc<Rules>)> {
    let rules = config::rules("mc", None, None, &config::Found::default()).expect("the built-ins");
    vec![("MC".into(), Arc::new(rules))]
}

/// One guarded command in each state.
fn approvals() -> Vec<ApprovalDoc> {
    let states = ["requested", "approved", "running", "run", "denied", "expired", "void"];
    let doc = |(n, state): (usize, &&str)| ApprovalDoc {
        id: format!("P-7.{n}"),
        ticket: "MC-7".into(),
        attempt: "A-7".into(),
        gate: "implementation".into(),
        by: "lane:coder/codex".into(),
        argv: vec!["git".into(), "push".into(), "<b>origin</b>".into()],
        command: "git push '<b>origin</b>'".into(),
        cwd: "/work".into(),
        commit: None,
        tree: None,
        diff: None,
        effect: "push".into(),
        state: (*state).to_owned(),
        count: 1,
        asked_at: ago(40),
        expires_at: now(),
        answered_by: Some("person:ada".into()),
        answered_at: Some(ago(12)),
        reason: (*state == "denied").then(|| "after the weekend".into()),
        code: None,
        note: (*state == "void").then(|| "the commit of `main` changed".into()),
        exit_code: (*state == "run").then_some(0),
        ended: None,
        output: None,
        ran_at: None,
    };
    states.iter().enumerate().map(doc).collect()
}

pub(crate) fn policy() -> PolicyView {
    let schedule = |name: &str, skipped: Option<&str>| ScheduleDoc {
        project: "MC".into(),
        name: name.into(),
        cron: "0 2 * * *".into(),
        time_zone: "Europe/Berlin".into(),
        title: "Dependency audit".into(),
        next: Some(now()),
        last: Some(now()),
        caught_up: skipped.is_none(),
        skipped: skipped.map(str::to_owned),
        ticket: Some("MC-12".into()),
    };
    let schedules = vec![
        schedule("nightly-audit", None),
        schedule("weekly", Some("MC-12 of the run before is still open")),
    ];
    let approvals = approvals();
    PolicyView { shell: shell(), rules: rules(), schedules, approvals }
}

pub(crate) fn projects() -> ProjectsView {
    let shell = shell();
    let line = |project: &ProjectDoc| ProjectLine {
        project: project.clone(),
        states: vec![("active".into(), 3), ("blocked".into(), 1), ("done".into(), 120)],
        waits: 2,
    };
    let mut projects: Vec<ProjectLine> = shell.projects.iter().map(line).collect();
    projects[1].project.trusted = false;
    projects[1].project.config_problem = Some("mission.toml:12:1: unknown key `roles`".into());
    ProjectsView { shell, projects }
}

pub(crate) fn calibration() -> CalibrationView {
    let reviewers = vec![("MC".into(), "qa".into())];
    CalibrationView { shell: shell(), shadows: Vec::new(), reviewers }
}

pub(crate) fn settings(part: SettingsPart) -> SettingsView {
    let session = |id: &str, name: &str| SessionDoc {
        id: id.into(),
        principal: format!("person:{name}"),
        role: "owner".into(),
        browser: (name == "elmar").then(|| "Firefox on Linux, 192.0.2.7".into()),
        created_at: ago(90),
        expires_at: Some(now()),
    };
    let person = |name: &str, role: &str, browsers, invited_until| PersonDoc {
        name: name.into(),
        role: role.into(),
        browsers,
        invited_until,
        is_home_owner: name == "elmar",
    };
    let token = TokenDoc {
        name: "ci".into(),
        principal: "external:ci".into(),
        role: "operator".into(),
        project: None,
        created_at: ago(9000),
    };
    let all = config::settings("mc", None, None, &config::Found::default());
    SettingsView {
        shell: shell(),
        part,
        is_owner: true,
        sessions: vec![session("abcdefabcdef", "elmar"), session("123456123456", "jonas")],
        own_session: Some("abcdefabcdef".into()),
        people: vec![
            person("elmar", "owner", 1, None),
            person("jonas", "operator", 1, None),
            person("vera", "viewer", 0, Some(now())),
        ],
        tokens: vec![token],
        access: vec![AccessNote {
            at: ago(9000),
            by: Principal::Person("elmar".into()),
            access: Access::TokenMade { name: "ci".into(), role: "operator".into(), project: None },
        }],
        made: Some(("The token ci.".into(), "0123456789abcdef".into())),
        problem: Some("there is a token `ci` already; revoke it first".into()),
        runtimes: lanes().into_iter().flat_map(|it| it.runtimes).collect(),
        rules: rules(),
        settings: vec![("MC".into(), all)],
        words: String::new(),
    }
}
