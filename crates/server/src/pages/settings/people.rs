//! People, signed-in browsers and tokens. Secrets are never listed.

use maud::{Markup, html};
use mission_control::{SessionDoc, TokenDoc};

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
                thead { tr { th scope="col" { "Person" } th scope="col" { "Role" } th scope="col" { "Since" } th scope="col" { "Until" } th.r scope="col" { span.sr { "Action" } } } }
                tbody { @for s in &view.sessions { (session(s, view, viewer)) } }
            } }
        }
        (notifications(&view.shell.person))
        @if view.is_owner { (invite(viewer)) (tokens(view, viewer)) }
        @else { section.panel { header { h2 { "People and tokens" } } p.pad.mid { "An owner of this home invites people and makes tokens." } } }
    }
}

/// Returns one signed-in browser.
fn session(s: &SessionDoc, view: &SettingsView, viewer: Viewer<'_>) -> Markup {
    let is_own = view.own_session.as_deref() == Some(s.id.as_str());
    html! {
        tr {
            th scope="row" { (glyph::who(&s.principal)) @if is_own { " " span.tag { "this browser" } } }
            td { (s.role) }
            td { (glyph::ago(s.created_at, viewer.now)) }
            td { @match s.expires_at { Some(at) => { (at.strftime("%-d %b")) } None => { "no end" } } }
            td.r { @if is_own || view.is_owner || s.principal == format!("person:{}", viewer.person) { form method="post" action={ "/settings/sessions/" (s.id) "/end" } { (form::csrf(viewer.csrf)) button.btn.sm type="submit" data-ask="Press again: it is out at once" aria-label={ "Sign out the browser of " (words::principal(&s.principal)) } { "Sign out" } } } }
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

/// Returns the choice of a role.
fn roles(id: &str) -> Markup {
    html! {
        select.field id=(id) name="role" { @for (role, does) in ROLES { option value=(role) selected[role == "operator"] { (role) ": " (does) } } }
    }
}

/// Returns the form that invites a person by a one-time link.
fn invite(viewer: Viewer<'_>) -> Markup {
    html! {
        section.panel {
            header { h2 { "Invite a person" } span.end { "by a link that works once, within a day" } }
            form.inline-form method="post" action="/settings/invite" {
                (form::csrf(viewer.csrf))
                label { span { "Name" } input.field name="name" required maxlength="40" autocomplete="off" placeholder="jonas" pattern="[A-Za-z0-9][A-Za-z0-9_.\\-]*" title="Letters from a to z, digits, - _ and ."; }
                label for="invite-role" { span { "Role" } (roles("invite-role")) }
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
            form.inline-form method="post" action="/settings/tokens" {
                (form::csrf(viewer.csrf))
                label { span { "Name" } input.field name="name" required maxlength="60" autocomplete="off" placeholder="ci"; }
                label for="token-role" { span { "Role" } (roles("token-role")) }
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
            td { code { (t.principal) } }
            td { (t.role) }
            td { (t.project.as_deref().unwrap_or("all")) }
            td { (glyph::ago(t.created_at, viewer.now)) }
            td.r { details.reply {
                summary.btn.sm { "Revoke…" span.sr { " " (t.name) } }
                form method="post" action={ "/settings/tokens/" (t.name) "/revoke" } { (form::csrf(viewer.csrf)) p.mid { "What uses it is refused from then on; a revoked token does not come back." } div.ask-do { button.btn.sm.bad type="submit" aria-label={ "Revoke " (t.name) } { "Revoke" } } }
            } }
        }
    }
}
