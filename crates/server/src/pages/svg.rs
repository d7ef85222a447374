//! Small charts as SVG: shares, meters, lines. No style attribute is needed, so the content policy stays strict.

use maud::{Markup, html};

/// Returns shares of a whole side by side, each with its tone; zero shares are left out.
pub(super) fn tally(parts: &[(u32, &str)], label: &str) -> Markup {
    let total: u32 = parts.iter().map(|(n, _)| n).sum();
    let mut at = 0.0;
    let mut bars = Vec::new();
    for (n, tone) in parts.iter().filter(|(n, _)| *n > 0) {
        let width = 100.0 * f64::from(*n) / f64::from(total.max(1));
        bars.push((at, (width - 0.8).max(0.6), *tone));
        at += width;
    }
    html! {
        svg.tally viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label=(label) {
            @if total == 0 { rect width="100" height="4" {} }
            @for (x, width, tone) in bars { rect x=(number(x)) width=(number(width)) height="4" data-tone=(tone) {} }
        }
    }
}

/// Returns a number with at most two decimals.
pub(super) fn number(n: f64) -> String {
    let text = format!("{n:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
