//! What the command palette offers for some words: tickets, and the pages with that name.

use axum::extract::Query;
use maud::Markup;
use mission_store::TicketRow;
use serde::Deserialize;

use super::shell::Visitor;
use crate::pages;
use crate::pages::palette::Found;
use crate::problem::Answer;

/// So many tickets are offered.
const TICKETS: usize = 8;

/// What was typed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    q: String,
}

pub(super) async fn palette(visitor: Visitor, Query(Typed { q }): Query<Typed>) -> Answer<Markup> {
    let rows = visitor.site.rows.read(&visitor.site).await?;
    let words = q.to_lowercase();
    let matches = |it: &&TicketRow| {
        let text = format!("{} {}", it.key, it.title).to_lowercase();
        words.split_whitespace().all(|word| text.contains(word))
    };
    let mut found: Vec<&TicketRow> = rows.of(visitor.project.as_ref()).filter(matches).collect();
    let exact = |it: &TicketRow| it.key.to_string().eq_ignore_ascii_case(q.trim());
    // What is called just so comes first, then what begins so.
    let called = |it: &TicketRow| {
        let title = it.title.to_lowercase();
        (title != words.trim(), !title.starts_with(words.trim()))
    };
    found.sort_by_cached_key(|it| {
        (!exact(it), called(it), !it.open, std::cmp::Reverse(it.updated_at))
    });
    let tickets = found.into_iter().take(TICKETS).map(|it| Found {
        key: it.key.to_string(),
        title: it.title.clone(),
        state: it.state.clone(),
    });
    let projects: Vec<String> =
        visitor.site.control.home().projects.into_keys().map(|it| it.to_string()).collect();
    let own = visitor.who.caller.project.as_ref().map(ToString::to_string);
    let projects = projects.into_iter().filter(|it| own.as_ref().is_none_or(|own| own == it));
    let found = pages::palette::results(
        &words,
        &tickets.collect::<Vec<_>>(),
        &projects.collect::<Vec<_>>(),
        visitor.who.may(),
    );
    Ok(pages::seen(found))
}
