//! The page *New ticket*: title and request first, the rest where it is needed.

use maud::{Markup, html};

use super::form;
use super::glyph::{self, icon};
use super::shell::{Page, document};
use super::view::NewTicketView;
use super::words;

/// How many characters of a title fit: one line of a card or of a list.
pub const TITLE_MOST: usize = 200;

/// Returns the page *New ticket*.
pub fn page(view: &NewTicketView) -> Markup {
    document(
        &view.shell,
        Page {
            name: "new",
            key: None,
            title: "New ticket",
            class: "new",
            head: html! { h1 { "New ticket" } p.lede { "It goes to its first gate as soon as a lane can take it." } },
            below_head: html! {},
            body_class: "",
            body: fields(view),
            keys: &[(&["esc"], "back")],
        },
    )
}

/// Returns the form.
fn fields(view: &NewTicketView) -> Markup {
    let t = &view.typed;
    let first = view.faults.first().map_or("title", |it| it.field);
    let wrong = |name: &str| view.faults.iter().any(|it| it.field == name).then_some("true");
    let why = |name: &str| wrong(name).map(|_| "problem");
    html! {
        form.sheet-form id="new-ticket" method="post" action="/tickets" data-answer="page" {
            (form::csrf(&view.shell.csrf))
            @if view.problem.is_some() || !view.faults.is_empty() { div.banner id="problem" data-tone="bad" role="alert" { (icon("circle-x")) p dir="auto" {
                b { "Not filed. " }
                @for fault in &view.faults { (glyph::inline(&fault.text)) " " }
                @if let Some(problem) = &view.problem { (glyph::inline(&words::sentence(problem))) }
            } } }
            label { span { "Title" } input.field name="title" required dir="auto" value=(t.title) aria-invalid=[wrong("title")] aria-describedby=[why("title")] autofocus[first == "title"]; }
            label { span { "Request" small { "What should be true afterwards? Markdown." } } textarea.field name="body" rows="8" dir="auto" { (t.body) } }
            div.fields {
                (select("Project", "project", &view.shell.projects.iter().map(|p| p.key.clone()).collect::<Vec<_>>(), &chosen_project(view), None))
                (workflow(view))
                (select("Priority", "priority", &["urgent", "high", "medium", "low"].map(String::from), if t.priority.is_empty() { "medium" } else { &t.priority }, None))
                (select("Kind", "kind", &["task", "campaign"].map(String::from), &t.kind, None))
                label { span { "Labels" small { "visual and user_facing add gates" } } input.field name="labels" value=(t.labels) dir="auto"; }
                label { span { "Campaign" } input.field name="parent" value=(t.parent) placeholder="MC-1" list="campaigns" aria-invalid=[wrong("parent")] aria-describedby=[why("parent")] autofocus[first == "parent"]; }
                label { span { "Waits for" small { "keys" } } input.field name="blocked_by" value=(t.blocked_by) placeholder="MC-2 MC-3" aria-invalid=[wrong("blocked_by")] aria-describedby=[why("blocked_by")] autofocus[first == "blocked_by"]; }
                label.check { input type="checkbox" name="park" value="true" checked[t.park]; " Park it: nobody works on it until it is taken up" }
            }
            datalist id="campaigns" { @for c in &view.shell.campaigns { option value=(c.key) { (c.title) } } }
            div.ask-do { button.btn.primary type="submit" { "File ticket" } a.btn.ghost href="/board" data-forgets { "Cancel" } }
        }
    }
}

/// Returns the project that stands chosen.
fn chosen_project(view: &NewTicketView) -> String {
    let typed = Some(&view.typed.project).filter(|p| !p.is_empty());
    let first = view.shell.projects.first().map(|it| &it.key);
    typed.or(view.shell.current_project.as_ref()).or(first).cloned().unwrap_or_default()
}

/// Returns the choice of a workflow: each project's own, the default first.
fn workflow(view: &NewTicketView) -> Markup {
    let chosen = &view.typed.workflow;
    html! {
        label { span { "Workflow" } select.field name="workflow" data-of-project {
            option value="" { "The project's default" }
            @for (project, names) in &view.workflows {
                optgroup label=(project) { @for name in names {
                    option value=(name) selected[name == chosen && *project == chosen_project(view)] { (name) }
                } }
            }
        } }
    }
}

/// Returns a choice; `none` is the label of the empty one.
fn select(label: &str, name: &str, options: &[String], chosen: &str, none: Option<&str>) -> Markup {
    html! {
        label { span { (label) } select.field name=(name) {
            @if let Some(none) = none { option value="" { (none) } }
            @for o in options { option value=(o) selected[o == chosen] { @if name == "priority" || name == "kind" { (words::sentence(o)) } @else { (o) } } }
        } }
    }
}
