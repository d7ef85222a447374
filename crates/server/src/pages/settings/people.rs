//! People, invitations, signed-in browsers and tokens. Secrets are never listed.

use maud::{Markup, html};
use mission_control::{PersonDoc, SessionDoc, TokenDoc};
use mission_domain::ids::Timestamp;

use crate::pages::form;
use crate::pages::glyph::{self, icon};
use crate::pages::view::{SettingsView, Viewer};
use crate::pages::words;

/// The roles, with what each may do.
const ROLES: [(&str, &str); 3] = [
    ("viewer", "looks"),
    ("operator", "also files, decides and steers"),
    ("owner", "also invites, makes tokens and projects"),
];

/// Returns people, sessions and tokens.
pub(super) fn people(view: &SettingsView) -> Markup {
    let viewer = view.shell.viewer();
    html! {
        section.panel {
            header { h2 { "Signed in" } span.end { (words::count(view.sessions.len(), "browser")) } }
            div.scroll-x tabindex="0" role="region" aria-label="Signed-in browsers" { table.list {
                caption.sr { "Signed-in browsers" }
                thead { tr { th scope="col" { "Person" } th scope="col" { "Browser" } th scope="col" { "Role" } th scope="col" { "Since" } th scope="col" { "Until" } th.r scope="col" { span.sr { "Action" } } } }
                tbody { @for s in &view.sessions { (session(s, view, viewer)) } }
            } }
        }
        (notifications(&view.shell.person))
        @if view.is_owner { (everybody(view, viewer)) (invite(viewer)) (tokens(view, viewer)) (changes(view, viewer)) }
        @else { section.panel { header { h2 { "People and tokens" } } p.pad.mid { "An owner of this home invites people and makes tokens." } } }
    }
}

/// Returns one signed-in browser.
fn session(s: &SessionDoc, view: &SettingsView, viewer: Viewer<'_>) -> Markup {
    let is_own = view.own_session.as_deref() == Some(s.id.as_str());
    html! {
        tr {
            th scope="row" { (glyph::who(&s.principal)) @if is_own { " " span.tag { "this browser" } } }
            td data-th="Browser" { @match &s.browser { Some(browser) => { (browser) } None => { span.dim { "unknown" } } } }
            td data-th="Role" { (s.role) }
            td data-th="Since" { (glyph::ago(s.created_at, viewer.now)) }
            td data-th="Until" { @match s.expires_at { Some(at) => { (at.strftime("%-d %b")) } None => { "no end" } } }
            td.r { @if is_own || view.is_owner || s.principal == format!("person:{}", viewer.person) { form method="post" action={ "/settings/sessions/" (s.id) "/end" } { (form::csrf(viewer.csrf)) button.btn.sm type="submit" data-ask="Press again: it is out at once" aria-label={ "Sign out the browser of " (words::principal(&s.principal)) @if let Some(browser) = &s.browser { ": " (browser) } } { "Sign out" } } } }
        }
    }
}

/// Returns the setting of this browser's notifications; its script shows it.
fn notifications(person: &str) -> Markup {
    let choice = |label: &str, name: &str, spans: [(u16, &str); 3]| {
        html! { label { span { (label) } select.field name=(name) { @for (seconds, word) in spans { option value=(seconds) { (word) } } } } }
    };
    html! {
        section.panel data-notify hidden {
            header { h2 { "Notifications" } span.end { "of this browser, for " bdi { (person) } } }
            p.pad.mid { b data-notify-state role="status" {} " What still needs you is told when no page of Mission Control is looked at." }
            div.inline-form {
                (choice("Tell it when it still waits after", "dwell", [(10, "10 seconds"), (30, "30 seconds"), (300, "5 minutes")]))
                (choice("Not more often than every", "cooldown", [(60, "minute"), (120, "2 minutes"), (900, "15 minutes")]))
                button.btn type="button" data-notify-toggle { "Turn on" }
            }
        }
    }
}

/// Returns the choice of a role, with `chosen` first in hand.
fn roles(id: &str, chosen: &str) -> Markup {
    html! {
        select.field id=(id) name="role" { @for (role, does) in ROLES { option value=(role) selected[role == chosen] { (role) ": " (does) } } }
    }
}

/// Returns everybody of this home, who is invited and has not come yet among them.
fn everybody(view: &SettingsView, viewer: Viewer<'_>) -> Markup {
    html! {
        section.panel {
            header { h2 { "People" } span.end { (words::count(view.people.len(), "name")) } }
            div.scroll-x tabindex="0" role="region" aria-label="People" { table.list {
                caption.sr { "People" }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Role" } th scope="col" { "Comes in by" } th.r scope="col" { span.sr { "Action" } } } }
                tbody { @for p in &view.people { (person(p, viewer)) } }
            } }
        }
    }
}

/// Returns one person, with what an owner may change about them.
fn person(p: &PersonDoc, viewer: Viewer<'_>) -> Markup {
    let is_own = p.name.eq_ignore_ascii_case(viewer.person);
    let only_invited = p.browsers == 0 && p.invited_until.is_some();
    html! {
        tr {
            th scope="row" { (glyph::who(&format!("person:{}", p.name))) @if only_invited { " " span.tag { "invited" } } }
            td data-th="Role" { (p.role) }
            td {
                @if p.browsers > 0 { (words::count(p.browsers, "browser")) }
                @if let Some(until) = p.invited_until { @if p.browsers > 0 { ", " } "a link, not opened yet, until " (until_minute(until)) }
                @if p.browsers == 0 && p.invited_until.is_none() { @if p.is_home_owner { "this machine" } @else { "a token" } }
            }
            td.r { @if !is_own && !p.is_home_owner {
                @if p.invited_until.is_some() { (withdraw(p, viewer)) }
                @if !only_invited { (change(p, viewer)) }
            } }
        }
    }
}

/// Returns the day and minute at which a link ends.
fn until_minute(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%-d %b, %H:%M UTC")) } }
}

/// Returns the button that takes an invitation back.
fn withdraw(p: &PersonDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        form method="post" action={ "/settings/people/" (p.name) "/withdraw" } data-answer="page" { (form::csrf(viewer.csrf)) button.btn.sm type="submit" data-ask="Press again: the link lets nobody in then" aria-label={ "Withdraw the invitation of " (p.name) } { "Withdraw" } }
    }
}

/// Returns the forms that change a person's role and remove them.
fn change(p: &PersonDoc, viewer: Viewer<'_>) -> Markup {
    let id = format!("role-of-{}", p.name);
    html! {
        details.reply {
            summary.btn.sm { "Change…" span.sr { " " (p.name) } }
            form method="post" action={ "/settings/people/" (p.name) "/role" } data-answer="page" {
                (form::csrf(viewer.csrf))
                label for=(id) { span { "Role of " (p.name) } (roles(&id, &p.role)) }
                p.mid { "It holds at once, in every browser of theirs." }
                div.ask-do { button.btn.sm type="submit" aria-label={ "Change the role of " (p.name) } { "Change role" } }
            }
            form method="post" action={ "/settings/people/" (p.name) "/remove" } data-answer="page" {
                (form::csrf(viewer.csrf))
                p.mid { "Their browsers are signed out, and their tokens and links end. What they did stays on record." }
                div.ask-do { button.btn.sm.bad type="submit" aria-label={ "Remove " (p.name) } { "Remove" } }
            }
        }
    }
}

/// Returns the form that invites a person by a one-time link.
fn invite(viewer: Viewer<'_>) -> Markup {
    html! {
        section.panel {
            header { h2 { "Invite a person" } span.end { "by a link that works once, within a day" } }
            form.inline-form method="post" action="/settings/invite" data-answer="page" {
                (form::csrf(viewer.csrf))
                label { span { "Name" } input.field name="name" required maxlength="40" autocomplete="off" placeholder="jonas" pattern="[A-Za-z0-9][A-Za-z0-9_.\\-]*" title="Letters from a to z, digits, - _ and ."; }
                label for="invite-role" { span { "Role" } (roles("invite-role", "operator")) }
                button.btn type="submit" { (icon("user")) "Make the link" }
            }
        }
    }
}

/// Returns the tokens, and the form that makes one.
fn tokens(view: &SettingsView, viewer: Viewer<'_>) -> Markup {
    html! {
        section.panel {
            header { h2 { "Tokens" } span.end { "for scripts and agents elsewhere; they give no person's verdict" } }
            @if view.tokens.is_empty() { p.pad.mid { "No token. The command line of this machine needs none." } }
            @else { div.scroll-x tabindex="0" role="region" aria-label="Tokens" { table.list {
                caption.sr { "Tokens" }
                thead { tr { th scope="col" { "Name" } th scope="col" { "Speaks as" } th scope="col" { "Role" } th scope="col" { "Project" } th scope="col" { "Made" } th.r scope="col" { span.sr { "Action" } } } }
                tbody { @for t in &view.tokens { (token(t, viewer)) } }
            } } }
            form.inline-form method="post" action="/settings/tokens" data-answer="page" {
                (form::csrf(viewer.csrf))
                label { span { "Name" } input.field name="name" required maxlength="60" autocomplete="off" placeholder="ci"; }
                label for="token-role" { span { "Role" } (roles("token-role", "operator")) }
                label { span { "Project" } select.field name="project" { option value="" { "All" } @for p in &view.shell.projects { option value=(p.key) { (p.key) } } } }
                button.btn type="submit" { (icon("key-round")) "Make a token" }
            }
        }
    }
}

/// Returns one token.
fn token(t: &TokenDoc, viewer: Viewer<'_>) -> Markup {
    html! {
        tr {
            th scope="row" { (t.name) }
            td data-th="Speaks as" { code { (t.principal) } }
            td data-th="Role" { (t.role) }
            td data-th="Project" { (t.project.as_deref().unwrap_or("all")) }
            td data-th="Made" { (glyph::ago(t.created_at, viewer.now)) }
            td.r { details.reply {
                summary.btn.sm { "Revoke…" span.sr { " " (t.name) } }
                form method="post" action={ "/settings/tokens/" (t.name) "/revoke" } { (form::csrf(viewer.csrf)) p.mid { "What uses it is refused from then on; a revoked token does not come back." } div.ask-do { button.btn.sm.bad type="submit" aria-label={ "Revoke " (t.name) } { "Revoke" } } }
            } }
        }
    }
}

/// Returns who changed lately who may come in.
fn changes(view: &SettingsView, viewer: Viewer<'_>) -> Markup {
    html! {
        section.panel {
            header { h2 { "Who let whom in" } span.end { "the last changes; all are in the event log" } }
            @if view.access.is_empty() { p.pad.mid { "Nobody was invited, changed or removed yet, and no token was made." } }
            @else { div.scroll-x tabindex="0" role="region" aria-label="Who let whom in" { table.list {
                caption.sr { "Who let whom in" }
                thead { tr { th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "When" } } }
                tbody { @for note in &view.access { tr {
                    th scope="row" { (glyph::who(&note.by.to_string())) }
                    td data-th="What" { bdi { (note.access) } }
                    td data-th="When" { (glyph::ago(note.at, viewer.now)) }
                } } }
            } } }
        }
    }
}
