//! What the files say: runtimes, roles, workflows, and every setting with its origin.

use maud::{Markup, html};
use mission_domain::config::Setting;
use mission_domain::doc::RuntimeDoc;
use mission_domain::rules::{GateRule, Role, Rules, Workflow};

use crate::pages::glyph::{self, icon};
use crate::pages::view::SettingsView;
use crate::pages::words;

/// A value longer than this is folded, and so much of it is shown then, in characters.
const LONG_VALUE: usize = 240;
const SHOWN: usize = 100;

/// Returns where a key's value comes from.
fn origin<'a>(view: &'a SettingsView, project: &str, key: &str) -> Option<&'a str> {
    let (_, settings) = view.settings.iter().find(|(it, _)| it == project)?;
    let begins = |it: &&Setting| it.key == key || it.key.starts_with(&format!("{key}."));
    let found = settings.iter().filter(begins).map(|it| it.from.as_str());
    // A gate comes from where somebody last wrote into it.
    found.max_by_key(|it| *it != "built-in")
}

/// Returns where the table of a key begins, like that of `workflow.standard`.
fn table<'a>(view: &'a SettingsView, project: &str, key: &str) -> Option<&'a str> {
    let (_, settings) = view.settings.iter().find(|(it, _)| it == project)?;
    let within = format!("{key}.");
    settings.iter().find(|it| it.key.starts_with(&within)).map(|it| it.table.as_str())
}

/// Returns an origin, quiet where nobody wrote it. With several projects it says whose file it is.
fn from(view: &SettingsView, project: &str, origin: Option<&str>) -> Markup {
    let own = |it: &str| view.rules.len() > 1 && it.starts_with("mission.toml");
    html! {
        @match origin {
            Some("built-in") | None => { span.dim { "built-in" } }
            Some(from) => { @if own(from) { (project) ": " } code { (from) } }
        }
    }
}

/// Returns the runtimes with their health.
pub(super) fn runtimes(view: &SettingsView) -> Markup {
    html! {
        section.panel {
            header { h2 { "Runtimes" } span.end { (words::count(view.runtimes.len(), "runtime")) } }
            div.scroll-x tabindex="0" role="region" aria-label="Runtimes" { table.list {
                caption.sr { "Runtimes" }
                thead { tr { th scope="col" { "Runtime" } @if view.rules.len() > 1 { th scope="col" { "Project" } } th scope="col" { "Driver" } th scope="col" { "Model" } th scope="col" { "Command" } th scope="col" { "Health" } th scope="col" { "From" } } }
                tbody { @for r in &view.runtimes { (runtime(view, r)) } }
            } }
            p.pad.mid { code { "mission doctor" } " tries every one of them for real." }
        }
    }
}

/// Returns one runtime.
fn runtime(view: &SettingsView, r: &RuntimeDoc) -> Markup {
    let project =
        view.rules.iter().find(|(_, rules)| rules.runtimes.keys().any(|it| it.as_str() == r.name));
    let key = project.map(|(key, _)| key.as_str()).unwrap_or_default();
    let origin = table(view, key, &format!("runtime.{}", r.name));
    let named = |rules: &Rules| rules.runtimes.keys().any(|it| it.as_str() == r.name);
    let projects: Vec<&str> =
        view.rules.iter().filter(|it| named(&it.1)).map(|it| it.0.as_str()).collect();
    html! {
        tr {
            th scope="row" { (r.name) }
            @if view.rules.len() > 1 { td data-th="Project" { (projects.join(", ")) } }
            td data-th="Driver" { (r.driver) }
            td data-th="Model" { (r.model.as_deref().unwrap_or("not named")) }
            td.wide data-th="Command" { @if r.command.is_empty() { span.dim { "none" } } @else { code { (r.command.join(" ")) } } }
            td data-th="Health" { @match r.found { Some(false) => { span.verdict data-v="refuted" { (icon("circle-x")) span { "not found" } } } Some(true) => { (glyph::breaker(&r.breaker)) } None => { span.verdict { (icon("circle-help")) span { "unknown" } } } }
                @if let Some(note) = &r.note { small.note dir="auto" { (glyph::inline(note)) } } }
            td data-th="From" { (from(view, key, origin)) }
        }
    }
}

/// Returns the roles of each project.
pub(super) fn roles(view: &SettingsView) -> Markup {
    html! {
        @for (key, rules) in &view.rules {
            section.panel {
                header { h2 { "Roles of " (key) } span.end { (words::count(rules.roles.len(), "role")) } }
                div.scroll-x tabindex="0" role="region" aria-label={ "Roles of " (key) } { table.list {
                    caption.sr { "Roles of " (key) }
                    thead { tr { th scope="col" { "Role" } th scope="col" { "Runtimes, first choice first" } th scope="col" { "Permission" } th scope="col" { "Slots" } th scope="col" { "Evidence" } th scope="col" { "Verdicts" } th scope="col" { "From" } } }
                    tbody { @for role in rules.roles.values() { (role_row(view, key, role)) } }
                } }
            }
        }
        (no_project(view))
    }
}

/// Returns one role.
fn role_row(view: &SettingsView, key: &str, role: &Role) -> Markup {
    let runtimes: Vec<&str> = role.runtimes.iter().map(|it| it.as_str()).collect();
    let evidence: Vec<String> = role.evidence.iter().map(|it| words::plain(it.as_str())).collect();
    html! {
        tr {
            th scope="row" { span.who { (icon(glyph::role_icon(role.id.as_str()))) (role.id) } }
            td data-th="Runtimes" { @if runtimes.is_empty() { span.dim { "none" } } @else { (runtimes.join(", ")) } }
            td data-th="Permission" { (role.permission) }
            td.num data-th="Slots" { (role.slots) }
            td.wide data-th="Evidence" { @if evidence.is_empty() { span.dim { "what the gate asks" } } @else { (evidence.join(", ")) } }
            td data-th="Verdicts" { (role.mode) }
            td data-th="From" { (from(view, key, table(view, key, &format!("role.{}", role.id)))) }
        }
    }
}

/// Returns the workflows of each project with their gates.
pub(super) fn workflows(view: &SettingsView) -> Markup {
    html! {
        @for (key, rules) in &view.rules {
            @for workflow in rules.workflows.values() { (workflow_part(view, key, rules, workflow)) }
        }
        (no_project(view))
    }
}

/// Returns one workflow.
fn workflow_part(view: &SettingsView, key: &str, rules: &Rules, workflow: &Workflow) -> Markup {
    let is_default = rules.workflow == workflow.id;
    let name = format!("workflow.{}", workflow.id);
    html! {
        details.panel.flow open[is_default] {
            summary { (icon("chevron-down")) h2 { (workflow.id) } span.dim { (key) " · " (words::count(workflow.gates.len(), "gate")) @if is_default { " · default" } @if !workflow.lands() { " · lands nothing" } } span.end { (from(view, key, table(view, key, &name))) } }
            div.scroll-x tabindex="0" role="region" aria-label={ "Gates of " (workflow.id) } { table.list {
                caption.sr { "Gates of " (workflow.id) }
                thead { tr { th scope="col" { "Gate" } th scope="col" { "Worked by" } th scope="col" { "Requires" } th scope="col" { "Decided by" } th scope="col" { "When" } th scope="col" { "Independent" } th scope="col" { "Sends back to" } th scope="col" { "From" } } }
                tbody { @for gate in &workflow.gates { (gate_row(view, key, workflow, gate)) } }
            } }
        }
    }
}

/// Returns one gate of a workflow.
fn gate_row(view: &SettingsView, key: &str, workflow: &Workflow, gate: &GateRule) -> Markup {
    let requires: Vec<String> = gate.requires.iter().map(|it| words::plain(it.as_str())).collect();
    let deciders: Vec<String> = gate.decided_by.iter().map(ToString::to_string).collect();
    let name = format!("workflow.{}.gate.{}", workflow.id, gate.id);
    html! {
        tr {
            th scope="row" { (words::gate(gate.id.as_str())) }
            td data-th="Worked by" { (gate.worker) }
            td.wide data-th="Requires" { (requires.join(", ")) }
            td data-th="Decided by" { (deciders.join(", then ")) }
            td data-th="When" { (words::plain(gate.when.as_str())) }
            td data-th="Independent" { @match gate.independent { Some(level) => { "by " (words::plain(level.as_str())) } None => { span.dim { "–" } } } }
            td data-th="Sends back to" { (words::gate(gate.sends_back_to.as_str())) }
            td data-th="From" { (from(view, key, origin(view, key, &name))) }
        }
    }
}

/// Returns every setting in force with where it comes from.
pub(super) fn all(view: &SettingsView) -> Markup {
    let wanted = |it: &&Setting| view.words.split_whitespace().all(|word| it.key.contains(word));
    html! {
        form.inline-form role="search" aria-label="Search settings" method="get" action="/settings" {
            input type="hidden" name="part" value="all";
            @if let Some(key) = &view.shell.current_project { input type="hidden" name="project" value=(key); }
            label { span { "Key contains" } input.field type="search" name="q" value=(view.words) placeholder="role.coder"; }
            button.btn type="submit" { (icon("search")) "Show" }
            span.dim { "The same as " code { "mission config explain KEY" } }
        }
        @for (key, settings) in &view.settings {
            @let found = settings.iter().filter(wanted).count();
            section.panel {
                header { h2 { (key) } span.end { (words::count(found, "setting")) } }
                @if found == 0 { p.pad.mid { "No key contains that. " a.ln href="/settings?part=all" { "Show all settings" } } }
                @if found > 0 { div.scroll-x tabindex="0" role="region" aria-label={ "Settings in force in " (key) } { table.list.settings-list {
                    caption.sr { "Settings in force in " (key) }
                    thead { tr { th scope="col" { "Key" } th scope="col" { "Value" } th scope="col" { "From" } } }
                    tbody { @for s in settings.iter().filter(wanted) {
                        tr { th scope="row" { code { (s.key) } } td.wide { (value(&s.value)) } td { (from(view, key, Some(&s.from))) } }
                    } }
                } } }
            }
        }
        (no_project(view))
    }
}

/// Returns a value; a long one, or one of several lines, opens on demand and then reads as it was written.
fn value(value: &str) -> Markup {
    let text = serde_json::from_str::<String>(value).ok().filter(|it| it.contains('\n'));
    let text = text.as_deref().unwrap_or(value);
    let is_long = text.contains('\n') || text.chars().count() > LONG_VALUE;
    html! {
        @if is_long { details.setting { summary { code dir="auto" { (words::beginning(text, SHOWN)) } } pre.prose.lines dir="auto" { (text) } } }
        @else { code { (text) } }
    }
}

/// Returns what is said where no project is there.
fn no_project(view: &SettingsView) -> Markup {
    html! { @if view.rules.is_empty() { div.empty { (icon("folder")) b { "No project yet" } span { "Run " code { "mission init" } " in a repository." } } } }
}
