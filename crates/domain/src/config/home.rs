//! Reads a home's `config.toml`: its own keys here, the tables that it shares with projects as in a project.

use std::net::SocketAddr;

use super::problem::Files;
use super::read::Fields;
use super::tree::Layer;
use super::{Explanation, Found, Problem, Source, names};

/// The keys that only a home has.
pub(super) const KEYS: [&str; 5] =
    ["listen", "allowed_hosts", "public_url", "database_url", "people"];

/// Where the server listens unless the home or the command line says otherwise.
pub const LISTEN: &str = "127.0.0.1:4207";

/// What a home's `config.toml` says besides the tables that `rules` merges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeConfig {
    /// The address to listen on, like `127.0.0.1:4207`; port 0 takes a free one.
    pub listen: String,
    /// Names that browsers may call the server by beside this machine's own, each with or without a port.
    pub allowed_hosts: Vec<String>,
    /// Where browsers reach the server from elsewhere, like `https://mission.example.org`: links of invitations begin with it.
    pub public_url: Option<String>,
    /// The PostgreSQL to use instead of the home's own SQLite. May hold a password: do not show it.
    pub database_url: Option<String>,
    /// The names of the people who use this home; empty when the file names none.
    pub people: Vec<String>,
}

impl Default for HomeConfig {
    fn default() -> Self {
        Self {
            listen: LISTEN.into(),
            allowed_hosts: Vec::new(),
            public_url: None,
            database_url: None,
            people: Vec::new(),
        }
    }
}

/// Reads the whole of a home's file, the tables that it shares with projects included.
///
/// # Errors
///
/// Everything that is wrong with the file, in its order.
pub fn home(source: Source<'_>) -> Result<HomeConfig, Vec<Problem>> {
    let files = Files { home: Some(source), project: None };
    let (mut problems, root) = match super::tree::parse(Layer::Home, source.text) {
        Ok(root) => (Vec::new(), root),
        Err(errors) => return Err(files.syntax(Layer::Home, errors)),
    };
    let report = super::problem::Report::default();
    let known: Vec<&str> = KEYS.into_iter().chain(super::SHARED).collect();
    let config = Fields::open(&root, "", &known, &report).map(|fields| own_keys(&fields));
    let shared = super::rules("home", Some(source), None, &Found::default());
    problems.extend(shared.err().unwrap_or_default());
    problems.extend(report.into_problems(files));
    problems.sort();
    problems.dedup_by(|a, b| (a.line, a.column) == (b.line, b.column));
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        Some(_) | None => Err(problems),
    }
}

/// Returns the value of one of [`KEYS`], and where it comes from; nothing where it is not set and nothing is built in.
pub(super) fn explain(key: &str, files: Files<'_>) -> Option<Explanation> {
    let root = files.home.and_then(|it| super::tree::parse(Layer::Home, it.text).ok());
    let Some(node) = root.as_ref().and_then(|it| it.find(&[key])) else {
        let value = super::tree::quoted(LISTEN);
        return (key == "listen").then(|| Explanation { value, from: "built-in".into() });
    };
    let value = match key {
        "database_url" => "(not shown, as it may hold a password)".into(),
        _ => node.render(),
    };
    let (file, line) = files.line(node.key)?;
    Some(Explanation { value, from: format!("{file}:{line}") })
}

fn own_keys(fields: &Fields<'_>) -> HomeConfig {
    let default = HomeConfig::default();
    HomeConfig {
        listen: listen(fields).unwrap_or(default.listen),
        allowed_hosts: allowed_hosts(fields),
        public_url: public_url(fields),
        database_url: database_url(fields),
        people: people(fields),
    }
}

fn listen(fields: &Fields<'_>) -> Option<String> {
    let text = fields.text("listen")?;
    let is_local = text.strip_prefix("localhost:").is_some_and(|port| port.parse::<u16>().is_ok());
    if !is_local && text.parse::<SocketAddr>().is_err() {
        let shown = names::shown(text);
        fields.bad(
            "listen",
            format!("`{shown}` is no address to listen on; write host and port, like `{LISTEN}`"),
        );
        return None;
    }
    Some(text.into())
}

fn allowed_hosts(fields: &Fields<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    for (name, place) in fields.texts("allowed_hosts", false).unwrap_or_default() {
        let is_part =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if name.is_empty() || !name.chars().all(is_part) {
            let shown = names::shown(name);
            let message = format!(
                "`{shown}` is no name of a host; write it as browsers show it, like `mission.example.org` or `box.lan:4207`"
            );
            fields.report.add(place, message);
        } else {
            hosts.push(name.to_owned());
        }
    }
    hosts
}

fn public_url(fields: &Fields<'_>) -> Option<String> {
    let text = fields.text("public_url")?;
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = host.map(|it| it.trim_end_matches('/'));
    if host.is_none_or(|it| it.is_empty() || it.contains(['/', ' ', '?', '#', '@'])) {
        let shown = names::shown(text);
        let message = format!(
            "`{shown}` is no address of a server; write it without a path, like `https://mission.example.org`"
        );
        fields.bad("public_url", message);
        return None;
    }
    Some(text.trim_end_matches('/').into())
}

fn database_url(fields: &Fields<'_>) -> Option<String> {
    let text = fields.text("database_url")?;
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        // The text is not repeated: it may hold a password.
        let message = "`database_url` is no PostgreSQL URL; write `postgres://USER@HOST/NAME`, or take the line out to use SQLite";
        fields.bad("database_url", message);
        return None;
    }
    Some(text.into())
}

fn people(fields: &Fields<'_>) -> Vec<String> {
    let mut people: Vec<String> = Vec::new();
    for (name, place) in fields.texts("people", false).unwrap_or_default() {
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        if name.is_empty() || !name.chars().all(is_word) {
            let shown = names::shown(name);
            let message = format!(
                "`{shown}` cannot name a person; use letters, digits, `.`, `_`, `-` and `@`"
            );
            fields.report.add(place, message);
        } else if people.iter().any(|other| other == name) {
            fields.report.add(place, format!("`{name}` is named twice; take one out"));
        } else {
            people.push(name.into());
        }
    }
    people
}
