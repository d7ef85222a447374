//! The page *Sign in*: a one-time link or its code, made on the host itself.

use maud::{Markup, html};

use super::form;
use super::glyph::icon;
use super::shell::bare_document;
use super::view::SignInView;

/// Returns the page *Sign in*.
pub fn page(view: &SignInView) -> Markup {
    let body = html! {
        h1 { "Sign in" }
        @if let Some(problem) = &view.problem { div.banner data-tone="bad" role="alert" { (icon("circle-x")) p { b { "Not signed in. " } (problem) } } }
        p.mid { "There is no password. On the host where Mission Control runs, ask for a link that works once:" }
        div.cmd { code { "mission sign-in" } }
        form.sheet-form method="post" action="/sign-in" {
            (form::csrf(&view.csrf))
            label { span { "Code from the link" } input.field.mono name="code" required autocomplete="one-time-code" autofocus; }
            div.ask-do { button.btn.primary type="submit" { "Sign in" } }
        }
    };
    bare_document("Sign in", &body)
}
