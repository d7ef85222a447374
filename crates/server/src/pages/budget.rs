//! How budgets stand: what is used of each, what cannot be counted, and what is nearly or wholly spent.

use maud::{Markup, html};
use mission_domain::doc::BudgetDoc;

use super::glyph::{self, icon_as};

/// Returns how each budget stands, its stable id `budgets`; hidden where there is none.
pub fn panel(budgets: &[BudgetDoc]) -> Markup {
    html! {
        section.panel id="budgets" aria-labelledby="h-budgets" hidden[budgets.is_empty()] {
            header { h2 id="h-budgets" { "Budgets" } }
            @for it in budgets.iter().filter(|it| it.state != "free") { (alarm(it)) }
            ul.fixes { @for it in budgets.iter().filter(|it| it.state == "free") { li { p { (scope(it)) " " (it.percent) " % used" small { (it.text) (unknown(it)) } } } } }
        }
    }
}

/// Returns a budget of which most or all is used.
fn alarm(it: &BudgetDoc) -> Markup {
    let (tone, word) =
        if it.state == "spent" { ("bad", "spent") } else { ("warn", "nearly spent") };
    html! {
        p.alarm data-tone=(tone) { (icon_as("i s", "bell-ring")) span { b { (scope(it)) " " (word) } ", " (it.percent) " %: " bdi { (it.text) } (unknown(it)) } }
    }
}

fn scope(it: &BudgetDoc) -> Markup {
    html! {
        @match it.kind.as_str() {
            "ticket" => { (glyph::key(&it.scope)) }
            "lane" => { "Lane " (it.scope) ", a day" }
            _ => { (it.scope) ", a day" }
        }
    }
}

fn unknown(it: &BudgetDoc) -> Markup {
    html! { @if let Some(unknown) = &it.unknown { " · " (unknown) } }
}
