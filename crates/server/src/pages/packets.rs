//! The page *Packets*: the newest evidence of each gate, what was refuted first to be seen.

use maud::{Markup, html};

use super::glyph::{self, icon};
use super::shell::{Page, document, leaf, project_part};
use super::view::{PacketLine, PacketsView, Viewer};
use super::words;

/// A page shows so many packets.
pub const LEAF: usize = 100;

/// The statuses in the order of the filter.
const STATUSES: [&str; 4] = ["refuted", "partial", "claimed", "verified"];

/// Returns the page *Packets*.
pub fn page(view: &PacketsView) -> Markup {
    document(
        &view.shell,
        Page {
            name: "packets",
            key: None,
            title: "Packets",
            class: "packets",
            head: head(view),
            below_head: html! {},
            body_class: "",
            body: html! { @if view.packets.is_empty() { (empty(view)) } @else { (table(view)) } },
            keys: &[(&["j", "k"], "packet"), (&["enter"], "open")],
        },
    )
}

/// Returns the heading with the numbers, and the filter.
fn head(view: &PacketsView) -> Markup {
    let count =
        |status: &str| view.counts.iter().find(|(word, _)| word == status).map_or(0, |(_, n)| *n);
    let total: u32 = view.counts.iter().map(|(_, n)| n).sum();
    let here = |status: Option<&str>| (view.status.as_deref() == status).then_some("true");
    let project = project_part(&view.shell, '&');
    html! {
        h1 { "Packets" }
        p.lede { b { (words::count(total as usize, "packet")) } ", the newest of each gate" @if count("refuted") > 0 { " · " b.tone data-tone="bad" { (count("refuted")) " refuted" } } }
        div.tools {
            nav.seg aria-label="Status" {
                a href={ "/packets?status=" (project) } aria-current=[here(None)] { "All " small { (total) } }
                @for status in STATUSES {
                    a href={ "/packets?status=" (status) (project) } aria-current=[here(Some(status))] { (words::sentence(words::packet_status(status))) " " small { (count(status)) } }
                }
            }
        }
    }
}

/// Returns what is said where there is none.
fn empty(view: &PacketsView) -> Markup {
    html! {
        div.empty {
            (icon("package-check"))
            @if let Some(status) = &view.status { b { "No packet is " (words::packet_status(status)) } span { "The filter leaves nothing over." } div.ask-do { a.btn.sm href="/packets" { "All packets" } } }
            @else { b { "No packet yet" } span { "A gate that delivers is sealed into a packet. Its claims are re-run before they count." } div.ask-do { a.btn.sm href="/board" { "See the board" } } }
        }
    }
}

/// Returns the packets as a table.
fn table(view: &PacketsView) -> Markup {
    let viewer = view.shell.viewer();
    html! {
        div.scroll-x tabindex="0" role="region" aria-label="Packets" {
            table.list {
                caption.sr { "The newest packet of each gate" }
                thead { tr { th scope="col" { "Packet" } th scope="col" { "Status" } th scope="col" { "Ticket" } th scope="col" { "Gate" } th scope="col" { "Commit" } th scope="col" { "Decided" } th.r scope="col" { "Since" } } }
                tbody { @for line in &view.packets { (row(line, viewer)) } }
            }
        }
        (leaf("More packets", &view.shell, (view.from, view.packets.len(), view.total), LEAF, |from| format!("/packets?status={}&from={from}", view.status.as_deref().unwrap_or_default())))
    }
}

/// Returns who decided on a packet, or for whom it waits.
fn decided(line: &PacketLine, viewer: Viewer<'_>) -> Markup {
    let waits = line.gate.state == "active";
    let signoff = glyph::decision(&line.gate).filter(|_| !waits);
    html! {
        @if let Some(s) = signoff { (glyph::verdict(&s.verdict)) " " span.dim { bdi { (words::principal(&s.principal)) } } }
        @else if waits && line.is_owed { span.gate data-gate="active" data-you { (icon("g-active")) span { "waits for " (viewer.whom()) } } }
        @else { span.dim { "not yet" } }
    }
}

/// Returns one packet.
fn row(line: &PacketLine, viewer: Viewer<'_>) -> Markup {
    let Some(packet) = &line.gate.packet else { return html! {} };
    html! {
        tr data-v=(packet.status) {
            th scope="row" { a.key href=(words::packet_path(&line.key, &line.gate.id)) { (words::short(&packet.digest)) } }
            td { (glyph::verdict(&packet.status)) }
            td.wide { (glyph::key(&line.key)) " " a href=(words::ticket_path(&line.key)) dir="auto" { (line.title) } }
            td { (words::gate(&line.gate.id)) @if line.gate.round > 1 { span.dim { " · round " (line.gate.round) } } }
            td { @if let Some(commit) = &packet.commit { (glyph::hash(commit)) } @else { span.dim { "none" } } }
            td { (decided(line, viewer)) }
            td.r.dim { (glyph::age(line.at, viewer.now)) }
        }
    }
}
