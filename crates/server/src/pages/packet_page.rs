//! The page *Packet*: the verdict in one sentence, claims beside pictures, the change, sign-offs, risk, what ships.

mod shots;

use maud::{Markup, html};
use mission_domain::doc::{GateDoc, SignoffDoc, TicketDoc};

use super::diff::{self, Extent, Style, parse};
use super::form;
use super::glyph::{self, icon};
use super::packet_view::{CommandView, PacketView};
use super::shell::{Keys, Page, document};
use super::ticket::packet::{claimed, ranked, seen, stat, texts};
use super::view::{PacketPage, Since, Viewer};
use super::words;

/// The role of what Mission Control does itself.
const CONTROLLER: &str = "controller";

/// How many earlier rounds can be chosen.
const MOST_ROUNDS: usize = 3;

/// Returns the page of one packet.
pub fn page(view: &PacketPage) -> Markup {
    let title = format!("{} {}", view.ticket.key, words::gate(&view.gate.id));
    document(
        &view.shell,
        Page {
            name: "packet",
            key: Some(&view.ticket.key),
            title: &title,
            class: if view.is_diff { "packet diff-page" } else { "packet" },
            head: head(view),
            below_head: html! {},
            body_class: "",
            body: if view.is_diff { whole_diff(view) } else { overview(view) },
            keys: keys(view),
        },
    )
}

/// Returns the keys that do something here. What is not always there stands first and last.
fn keys(view: &PacketPage) -> Keys {
    const UNIFIED: Keys = &[
        (&["[", "]"], "since when"),
        (&["j", "k"], "file"),
        (&["↓", "↑"], "line"),
        (&["enter"], "comment"),
        (&["v"], "viewed"),
        (&["s"], "split or unified"),
        (&["p"], "packet"),
        (&["a", "enter"], "sign off"),
        (&["r", "enter"], "request changes"),
    ];
    const SPLIT: Keys = &[
        (&["[", "]"], "since when"),
        (&["j", "k"], "file"),
        (&["↓", "↑"], "line"),
        (&["←", "→"], "before, after"),
        (&["enter"], "comment"),
        (&["v"], "viewed"),
        (&["s"], "split or unified"),
        (&["p"], "packet"),
        (&["a", "enter"], "sign off"),
        (&["r", "enter"], "request changes"),
    ];
    const OVERVIEW: Keys = &[
        (&["1", "2", "3"], "view"),
        (&["←", "→"], "before, after"),
        (&["d"], "diff"),
        (&["a"], "sign off"),
        (&["r"], "request changes"),
    ];
    let (all, first) = match (view.is_diff, view.style) {
        (false, _) => (OVERVIEW, if view.packet.screenshots.is_empty() { 2 } else { 0 }),
        (true, Style::Unified) => (UNIFIED, usize::from(view.earlier().is_empty())),
        (true, Style::Split) => (SPLIT, usize::from(view.earlier().is_empty())),
    };
    let verdict = if judges(view) { 0 } else { 2 };
    all.get(first..all.len() - verdict).unwrap_or_default()
}

/// Returns the heading: crumbs, the verdict in one sentence, the other packets and the answers.
fn head(view: &PacketPage) -> Markup {
    let (ticket, gate) = (&view.ticket, &view.gate);
    let path = words::packet_path(&ticket.key, &gate.id);
    html! {
        nav.crumbs aria-label="Breadcrumb" {
            a href="/packets" { "Packets" } (icon("chevron-right"))
            a.trunc href=(words::ticket_path(&ticket.key)) dir="auto" { (ticket.key) " " (ticket.title) } (icon("chevron-right"))
            @if view.is_diff { a href=(path) { (words::gate(&gate.id)) } (icon("chevron-right")) span { "Change" } }
            @else { span { (words::gate(&gate.id)) } }
        }
        h1 { (words::sentence(&words::gate(&gate.id))) @if gate.round > 1 { span.dim { " round " (gate.round) } } }
        (sentence(&view.packet, ticket))
        div.tools {
            @if view.is_diff { (rounds(view)) (styles(view)) a.btn href=(path) data-key="p" { (icon("package-check")) "Packet" kbd { "p" } } }
            @else { (others(view)) @if judges(view) { (form::quick_verdict(ticket, gate, view.shell.viewer())) } }
        }
    }
}

/// Returns whether the person who looks owes the verdict on this packet.
fn judges(view: &PacketPage) -> bool {
    let stands = glyph::standing_gate(&view.ticket).is_some_and(|it| it.id == view.gate.id);
    let owed = view.shell.viewer().owes(&view.ticket);
    stands && owed && view.ticket.state == "in_review"
}

/// Returns what the packet came to, in one sentence.
fn sentence(packet: &PacketView, ticket: &TicketDoc) -> Markup {
    let count = |result: &str| packet.commands.iter().filter(|c| c.result == result).count();
    let counts = [
        ("verified", "ok", "verified"),
        ("refuted", "bad", "refuted"),
        ("not_rerun", "off", "not re-run"),
        ("could_not_run", "warn", "could not run"),
    ];
    let who = packet.runtime.clone().or_else(|| packet.role.clone().filter(|it| it != CONTROLLER));
    let who = who.unwrap_or_else(|| "Somebody unknown".into());
    let is_ours = packet.role.as_deref() == Some(CONTROLLER);
    let told = counts.into_iter().map(|(result, tone, word)| (count(result), tone, word));
    let told: Vec<_> = told.filter(|(n, ..)| *n > 0).collect();
    html! {
        p.lede {
            @if packet.commands.is_empty() && is_ours {
                (glyph::verdict(&packet.status)) " · Mission Control looked at " (contents(packet))
                @match worker(ticket) { Some(who) if !packet.files.is_empty() => { ", delivered by " bdi { (who) } } _ => {} } "."
            }
            @else if packet.commands.is_empty() { (glyph::verdict(&packet.status)) " · " bdi { (who) } " delivered " (contents(packet)) "." }
            @else {
                @if is_ours { "Mission Control ran " } @else { bdi { (who) } " claimed " }
                b { (packet.commands.len()) } (if packet.commands.len() == 1 { " command: " } else { " commands: " })
                @for (i, (n, tone, word)) in told.iter().enumerate() { @if i > 0 { ", " } b.tone data-tone=(tone) { (n) " " (word) } } "."
            }
        }
    }
}

/// Returns who delivered the work, by the first gate whose packet is about a commit; Mission Control itself works on none.
fn worker(ticket: &TicketDoc) -> Option<String> {
    let is_work = |it: &&GateDoc| {
        it.role != CONTROLLER && it.packet.as_ref().is_some_and(|it| it.commit.is_some())
    };
    let gate = ticket.gates.iter().find(is_work)?;
    let by = gate.runtime.as_ref().map_or_else(String::new, |it| format!(" ({it})"));
    Some(format!("{}{by}", gate.role))
}

/// Returns what a packet without commands holds.
fn contents(packet: &PacketView) -> String {
    let mut parts = Vec::new();
    if !packet.files.is_empty() {
        parts.push(words::count(packet.files.len(), "changed file"));
    }
    if !packet.screenshots.is_empty() {
        parts.push(words::count(packet.screenshots.len(), "picture"));
    }
    if !packet.artifacts.is_empty() {
        parts.push(words::count(packet.artifacts.len(), "artifact"));
    }
    if parts.is_empty() { "nothing but its word".into() } else { parts.join(", ") }
}

/// Returns the packets of the ticket's other gates.
fn others(view: &PacketPage) -> Markup {
    let gates: Vec<&GateDoc> = view.ticket.gates.iter().filter(|g| g.packet.is_some()).collect();
    html! {
        @if gates.len() > 1 {
            details.menu {
                summary.btn { (words::count(gates.len(), "packet")) (icon("chevron-down")) }
                ul aria-label="Packets of this ticket" { @for g in gates {
                    li { a href=(words::packet_path(&view.ticket.key, &g.id)) aria-current=[(g.id == view.gate.id).then_some("page")] {
                        (words::gate(&g.id)) @if let Some(p) = &g.packet { span.end { (glyph::verdict(&p.status)) } }
                    } }
                } }
            }
        }
    }
}

/// Returns the choice between unified and side by side.
fn styles(view: &PacketPage) -> Markup {
    let path = words::packet_path(&view.ticket.key, &view.gate.id);
    let link = |style: Style, word: &str| {
        let here = style == view.style;
        let key = if here { "" } else { "s" };
        html! { a href={ (path) "/diff?style=" (style.as_str()) (since(view)) } aria-current=[here.then_some("true")] data-key=(key) { (word) } }
    };
    html! { nav.seg aria-label="Style" { (link(Style::Unified, "Unified")) (link(Style::Split, "Split")) } }
}

/// Returns the part of an address that keeps the round.
fn since(view: &PacketPage) -> String {
    view.since.as_ref().map_or_else(String::new, |it| format!("&since={}", it.commit))
}

/// Returns the choice between the whole change and the change since what somebody decided on before.
fn rounds(view: &PacketPage) -> Markup {
    let path = words::packet_path(&view.ticket.key, &view.gate.id);
    let style = view.style.as_str();
    let here = view.since.as_ref().map(|it| it.commit.as_str());
    let earlier = view.earlier();
    let all = || std::iter::once(None).chain(earlier.iter().take(MOST_ROUNDS).map(Some));
    let at = all().position(|it| it.map(|it| it.0) == here);
    // Each key leads to the neighbour of what is shown.
    let key = |n: usize| match at {
        Some(at) if n + 1 == at => Some("["),
        Some(at) if n == at + 1 => Some("]"),
        Some(_) | None => None,
    };
    html! {
        @if !earlier.is_empty() {
            nav.seg aria-label="Since" {
                @for (n, it) in all().enumerate() {
                    @if let Some((commit, decided, gate)) = it {
                        a href={ (path) "/diff?style=" (style) "&since=" (commit) } aria-current=[(at == Some(n)).then_some("true")] data-key=[key(n)]
                            title={ (words::plain(&decided.verdict)) " by " (words::principal(&decided.principal)) ", " (words::gate(gate)) } {
                            "Since " (words::short(commit))
                        }
                    } @else {
                        a href={ (path) "/diff?style=" (style) } aria-current=[(at == Some(n)).then_some("true")] data-key=[key(n)] { "Whole change" }
                    }
                }
            }
        }
    }
}

/// Returns the packet on one screen.
fn overview(view: &PacketPage) -> Markup {
    let packet = &view.packet;
    html! {
        (strip(view))
        div.packet-grid {
            @if packet.screenshots.is_empty() { (claims(packet)) (handed_in(packet)) }
            @else if packet.commands.is_empty() && !packet.artifacts.is_empty() { (handed_in(packet)) (shots::shots(packet)) }
            @else { (claims(packet)) (shots::shots(packet)) }
            (changed(view))
            (manifest(view))
        }
    }
}

/// Returns what identifies the packet.
fn strip(view: &PacketPage) -> Markup {
    let packet = &view.packet;
    let (added, removed) = packet.lines();
    html! {
        dl.strip {
            div { dt { "Commit" } dd { @match &packet.commit {
                Some(commit) => { (glyph::hash(commit)) @if let Some(base) = &packet.base { span.dim { " from " (glyph::hash(base)) } } }
                None => { "none: it is about what was written" }
            } } }
            div { dt { "Changed" } dd { @if packet.files.is_empty() { "no file" } @else { (words::count(packet.files.len(), "file")) " " (stat(added, removed)) } } }
            div { dt { "Digest" } dd { span.seal { (icon("fingerprint")) (glyph::hash(&packet.digest)) } } }
            div { dt { "Status" } dd { (glyph::verdict(&packet.status)) } }
            div { dt { "Signature" } dd { (signature(view)) } }
            div { dt { "Delivered" } dd { @if let Some(at) = view.sealed_at { (glyph::clock(at)) " " }
                span.dim { "by " (packet.role.as_deref().unwrap_or("unknown")) @if let Some(r) = &packet.runtime { " · " (r) } @if let Some(a) = &packet.attempt { " · " (a) } } } }
        }
    }
}

/// Returns what the signature says, with the way to the signed copy.
fn signature(view: &PacketPage) -> Markup {
    let signature = &view.packet.signature;
    let copy = format!("/api/v1/tickets/{}/packets/export?gate={}", view.ticket.key, view.gate.id);
    html! {
        @match signature.state.as_str() {
            "verified" => {
                span.verdict data-v="verified" { (icon("check-check")) span { "valid" } }
                @if let Some(key) = &signature.key { " " span.dim { "key " (glyph::hash(key)) } }
                " " a.ln href=(copy) download={ (view.ticket.key) "-" (view.gate.id) ".packet.json" } { "signed copy" }
            }
            "unsigned" => { span.verdict data-v="claimed" { (icon("circle-dashed")) span { "not signed" } } }
            _ => { span.dim { "unknown" } }
        }
    }
}

/// Returns the claims beside what Mission Control saw.
fn claims(packet: &PacketView) -> Markup {
    html! {
        section.panel aria-labelledby="h-claims" {
            header { h2 id="h-claims" { "Claimed and re-run" } span.end { "in a clean checkout" } }
            @if packet.commands.is_empty() { p.pad.mid { "No command was claimed or re-run for this gate." } }
            @else {
                table.claims.big {
                    caption.sr { "Claims beside what Mission Control saw" }
                    thead { tr { th scope="col" { "Command" } th scope="col" { "Claimed" } th scope="col" { "Re-run" } th scope="col" { "Result" } } }
                    tbody { @for c in ranked(&packet.commands) { (claim(c)) } }
                }
            }
        }
    }
}

/// Returns one command.
fn claim(c: &CommandView) -> Markup {
    html! {
        tr data-v=(c.result) {
            td { code { (c.run) } small { (if c.advisory { "advisory" } else { "required" }) @if let Some(note) = &c.note { " · " bdi { (note) } } } }
            td { (claimed(c.claimed.as_ref())) }
            td { (seen(c)) }
            td { (glyph::verdict(&c.result)) small {
                @if let Some(ms) = c.duration_ms { (words::took(ms)) }
                @if let Some(code) = c.base_exit_code { " · exit " (code) " on the base" }
                @if let Some(log) = &c.log { " " a.ln href=(words::artifact(log)) { "log" } }
            } }
        }
    }
}

/// Returns what was handed in besides.
fn handed_in(packet: &PacketView) -> Markup {
    html! {
        section.panel.handed aria-labelledby="h-handed" {
            header { h2 id="h-handed" { "Handed in" } span.end { (words::count(packet.artifacts.len(), "artifact")) } }
            @if packet.artifacts.is_empty() { p.pad.mid { "Nothing besides the claims." } }
            @else { ul.artifacts { @for a in &packet.artifacts {
                li { span.tag { (if a.kind.is_empty() { "file".to_owned() } else { words::plain(&a.kind) }) } a href=(words::artifact(&a.digest)) dir="auto" { (if a.name.is_empty() { words::short(&a.digest) } else { &a.name }) }
                    span.end.dim { @if let Some(n) = a.bytes { (words::bytes(n)) " · " } (glyph::hash(&a.digest)) } }
            } } }
            @if !packet.texts.is_empty() { div.pad { (texts(packet)) } }
        }
    }
}

/// Returns the changed files with the beginning of the change.
fn changed(view: &PacketPage) -> Markup {
    let path = words::packet_path(&view.ticket.key, &view.gate.id);
    html! {
        section.panel.files aria-labelledby="h-files" {
            header { h2 id="h-files" { "Changed files" } @if matches!(view.patch, Some(Ok(_))) { a.end href={ (path) "/diff" } data-key="d" { kbd { "d" } " full diff" } } }
            @match &view.patch {
                None => { p.pad.mid { "This packet is about no commit." } }
                Some(Err(why)) => { p.pad.mid dir="auto" { (why) } }
                Some(Ok(patch)) if patch.files.is_empty() => { p.pad.mid { "Nothing changed between base and commit." } }
                Some(Ok(patch)) => { div.files-grid { (diff::list(patch)) (diff::files(&view.change(patch), Style::Unified, Extent::Excerpt)) } }
            }
        }
    }
}

/// Returns sign-offs, risk and what ships.
fn manifest(view: &PacketPage) -> Markup {
    let packet = &view.packet;
    let now = view.shell.now;
    html! {
        aside.manifest aria-label="Sign-offs and risk" {
            section { h2 { "Sign-offs" }
                ul.signs {
                    @if judges(view) { li { span.who { (glyph::face(&view.shell.person)) bdi { (view.shell.person) } } span.end { span.verdict data-tone="you" { (icon("g-active")) span { "not yet" } } } small { (words::gate(&view.gate.id)) } } }
                    @for (gate, s) in signoffs(&view.ticket) { (signoff(gate, s, view.shell.viewer())) }
                }
                @if signoffs(&view.ticket).is_empty() { p.mid { "Nobody has decided on a gate yet." } }
            }
            section { h2 { "Remaining risk" } p.mid dir="auto" { (packet.risk.as_deref().unwrap_or("Not stated.")) }
                @if !packet.findings.is_empty() { p.dim { (words::count(packet.findings.len(), "finding")) " in this review" } } }
            section { h2 { "Ships" }
                ul.ships {
                    li { (icon("upload")) "Push" span.end { (words::ships(&packet.ships.push)) } }
                    li { (icon("rocket")) "Deploy" span.end { (words::ships(&packet.ships.deploy)) } }
                    li { (icon("power")) "Restart" span.end { (words::ships(&packet.ships.restart)) } }
                }
                @if let Some(commit) = &view.ticket.landed_as { p.dim { "Landed as " (glyph::hash(commit)) @if let Some(at) = view.ticket.closed_at { ", " (words::ago(at, now)) } } }
            }
        }
    }
}

/// Returns all verdicts of the ticket, the newest first.
fn signoffs(ticket: &TicketDoc) -> Vec<(&GateDoc, &SignoffDoc)> {
    let all = ticket.gates.iter().flat_map(|g| g.signoffs.iter().map(move |s| (g, s)));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(_, s)| std::cmp::Reverse(s.at));
    all
}

/// Returns one verdict.
fn signoff(gate: &GateDoc, s: &SignoffDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        li {
            (glyph::who(&s.principal))
            span.end { (glyph::verdict(&s.verdict)) }
            small { (words::gate(&gate.id)) @if let Some(commit) = &s.commit { " · " (glyph::hash(commit)) } " · " (glyph::age(s.at, viewer.now)) @if !s.fresh { " · stale" }
                @if !s.reason.is_empty() { " · " bdi { (s.reason) } } }
        }
    }
}

/// Returns the change since an earlier round, with the review beside it.
fn since_then(view: &PacketPage, since: &Since) -> Markup {
    let nothing = parse::Patch::default();
    let patch = since.patch.as_ref().unwrap_or(&nothing);
    html! {
        div.diff-grid data-packet=(view.packet.digest) {
            aside.diff-side aria-label="Files and review" {
                p.viewed-count data-viewed-count=(patch.files.len()) hidden {}
                (diff::list(patch))
                @if judges(view) { (form::review(&view.ticket, &view.gate, view.shell.viewer())) }
            }
            div {
                @match &since.commits {
                    Ok((text, is_cut)) => { (diff::rounds::commits(text, *is_cut)) }
                    Err(why) => { p.banner data-tone="warn" { (icon("file-diff")) span dir="auto" { (why) } } }
                }
                @if since.patch.is_none() { p.pad.mid { "The work was put on another base in between: what its commits changed is above." } }
                @else if patch.files.is_empty() { p.pad.mid { "No file differs from that round." } }
                @else { (diff::files(&diff::Change { before: &since.commit, ..view.change(patch) }, view.style, Extent::Whole)) }
            }
        }
    }
}

/// Returns the change on a page of its own, with the review beside it.
fn whole_diff(view: &PacketPage) -> Markup {
    if let Some(since) = &view.since {
        return since_then(view, since);
    }
    html! {
        @match &view.patch {
            Some(Ok(patch)) => {
                div.diff-grid data-packet=(view.packet.digest) {
                    aside.diff-side aria-label="Files and review" {
                        p.viewed-count data-viewed-count=(patch.files.len()) hidden {}
                        (diff::list(patch))
                        @if judges(view) { (form::review(&view.ticket, &view.gate, view.shell.viewer())) }
                    }
                    (diff::files(&view.change(patch), view.style, Extent::Whole))
                }
            }
            Some(Err(why)) => { div.empty { (icon("file-diff")) b { "The change cannot be shown" } span dir="auto" { (why) } } }
            None => { div.empty { (icon("file-diff")) b { "No change" } span { "This packet is about no commit." } } }
        }
    }
}
