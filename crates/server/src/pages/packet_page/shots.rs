//! Before and after: side by side without a script; with one also as a slider and as the difference.

use maud::{Markup, html};

use crate::pages::glyph::icon;
use crate::pages::packet_view::{PacketView, ShotView};
use crate::pages::words;

/// Returns the pictures, one pair shown at a time.
pub(super) fn shots(packet: &PacketView) -> Markup {
    html! {
        section.panel.shots id="shots" aria-labelledby="h-shots" {
            header {
                h2 id="h-shots" { "Before and after" }
                div.seg role="group" aria-label="Picture" data-picks hidden {
                    @for (n, s) in packet.screenshots.iter().enumerate() { button type="button" data-pick=(n) data-key=[(n < 9).then(|| (n + 1).to_string())] aria-pressed=(if n == 0 { "true" } else { "false" }) { (label(s)) } }
                }
                div.seg.end role="group" aria-label="How they are compared" data-modes hidden {
                    button type="button" data-mode-pick="slider" aria-pressed="true" { "Slider" }
                    button type="button" data-mode-pick="side" aria-pressed="false" { "Side by side" }
                    button type="button" data-mode-pick="difference" aria-pressed="false" { "Difference" }
                }
            }
            @for (n, s) in packet.screenshots.iter().enumerate() { (pair(n, s, packet)) }
        }
    }
}

/// Returns what tells one pair from the others.
fn label(s: &ShotView) -> String {
    let scheme = s.scheme.as_deref().filter(|it| *it != "light");
    let page = if s.page == "/" { String::new() } else { format!("{} ", s.page) };
    match scheme {
        Some(scheme) => format!("{page}{} {scheme}", s.width),
        None => format!("{page}{}", s.width),
    }
}

/// Returns one pair.
fn pair(n: usize, s: &ShotView, packet: &PacketView) -> Markup {
    let at = |commit: &Option<String>| {
        commit.as_deref().map(words::short).unwrap_or_default().to_owned()
    };
    let lazy = (n > 0).then_some("lazy");
    let picture = |class: &str, digest: &Option<String>, when: &str, commit: String| {
        html! {
            @if let Some(digest) = digest {
                a.shot.(class) href=(words::artifact(digest)) {
                    img src=(words::artifact(digest)) loading=[lazy] alt={ (when) ": " (s.page) " at " (s.width) " pixels" @if let Some(scheme) = &s.scheme { ", " (scheme) } };
                    span.lb { (when) " " span.hash { (commit) } }
                }
            } @else if class != "differs" { p.shot.none.(class) { "no picture " (when) } }
        }
    };
    html! {
        figure.compare data-shot=(n) data-on[n == 0] data-mode="side" {
            div.frame data-narrow[s.width < 700] {
                (picture("before", &s.before, "before", at(&packet.base)))
                (picture("after", &s.after, "after", at(&packet.commit)))
                (picture("differs", &s.difference, "difference", String::new()))
                @if s.before.is_some() && s.after.is_some() {
                    input type="range" min="0" max="100" value="50" aria-label={ "Show before or after, " (label(s)) } data-slide hidden;
                    i.knob aria-hidden="true" hidden { (icon("chevrons-left-right")) }
                }
            }
            figcaption { b { (label(s)) } " " @match s.difference_percent { Some(d) => { (words::percent(d)) " of the pixels differ" } None => { "the difference is unknown" } }
                @if let Some(at) = &s.difference_area { ", all within " (at.width) " × " (at.height) " at " (at.x) ", " (at.y) }
                @if !s.not_compared.is_empty() { ". " (words::count(s.not_compared.len(), "area")) " not compared, as the project says" } }
        }
    }
}
