//! Form posts: each is one command, and leads back where the form stood.

use axum::Form;
use axum::extract::{FromRequest, Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mission_control::{TicketRequest, VerdictRequest};
use mission_domain::ids::{ApprovalId, AttemptId, GateId, MessageId, OperatorActId, TicketKey};
use mission_domain::ticket::{Command, NewFinding, Report};

use super::shell::Visitor;
use super::views;
use crate::api;
use crate::app::Site;
use crate::auth::{self, Who};
use crate::pages::new_ticket::TITLE_MOST;
use crate::pages::view::{Fault, TypedTicket};
use crate::pages::words;
use crate::problem::{Answer, Problem};

/// The longest reason of a verdict, in bytes: the event that keeps it holds twice as much.
const REASON_MOST: usize = 32 * 1024;

/// The fields of a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Returns a field's text; empty where it is absent.
    pub(super) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    fn owned(&self, name: &str) -> String {
        self.text(name).to_owned()
    }

    /// Returns a field's trimmed text, if it has any.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name).trim()).filter(|it| !it.is_empty()).map(str::to_owned)
    }

    /// Returns a field's words, split by spaces and commas.
    fn words(&self, name: &str) -> Vec<String> {
        let split = |c: char| c.is_whitespace() || c == ',';
        self.text(name).split(split).filter(|it| !it.is_empty()).map(str::to_owned).collect()
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
        form.map(|Form(fields)| Self(fields)).map_err(|e| Problem::bad(e.body_text()))
    }
}

/// A form that this session's own page sent.
pub(super) struct Posted {
    pub(super) visitor: Visitor,
    pub(super) fields: Fields,
}

impl FromRequest<Site> for Posted {
    type Rejection = Problem;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::of(site, &mut parts).ok_or_else(Problem::not_signed_in)?;
        let fields = Fields::from_request(Request::from_parts(parts, body), site).await?;
        if fields.text("csrf") == visitor.who.csrf {
            return Ok(Self { visitor, fields });
        }
        let detail = "the form is from another session. Load the page again and send it from there";
        Err(Problem::refused("forged_form", detail))
    }
}

/// Files a ticket; what is wrong with it is said in the form, and nothing that was typed is lost.
pub(super) async fn file(posted: Posted) -> Answer<Response> {
    let Posted { visitor, fields } = posted;
    let faults = faults(&visitor, &fields).await?;
    if !faults.is_empty() {
        let page = views::filed(&visitor, typed(&fields), faults, None).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    match opened(&visitor, &fields).await {
        Ok(key) => Ok(Redirect::to(&words::ticket_path(&key)).into_response()),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => {
            let (status, said) = (problem.status, problem.detail);
            let page = views::filed(&visitor, typed(&fields), Vec::new(), Some(said)).await?;
            Ok((status, page).into_response())
        }
    }
}

/// Returns what is wrong with single fields of a new ticket, all at once and in their order on the page.
async fn faults(visitor: &Visitor, fields: &Fields) -> Answer<Vec<Fault>> {
    let mut faults = Vec::new();
    let length = fields.text("title").trim().chars().count();
    if length == 0 {
        faults.push(Fault { field: "title", text: "The title is empty.".into() });
    } else if length > TITLE_MOST {
        let text = format!("The title has {length} characters; {TITLE_MOST} fit.");
        faults.push(Fault { field: "title", text });
    }
    if let Some(parent) = fields.given("parent")
        && let Some(said) = no_ticket(visitor, &parent).await?
    {
        faults.push(Fault { field: "parent", text: format!("Campaign: {said}.") });
    }
    for key in fields.words("blocked_by") {
        if let Some(said) = no_ticket(visitor, &key).await? {
            faults.push(Fault { field: "blocked_by", text: format!("Waits for: {said}.") });
        }
    }
    Ok(faults)
}

/// Returns why a typed key leads to no ticket; nothing where it leads to one.
async fn no_ticket(visitor: &Visitor, typed: &str) -> Answer<Option<String>> {
    let Ok(key) = typed.parse::<TicketKey>() else {
        return Ok(Some(format!("`{typed}` is no key of a ticket; one looks like `MC-1`")));
    };
    // What is another project's is refused later, whether it exists or not.
    if !visitor.who.may_see(&key.to_string()) {
        return Ok(None);
    }
    match visitor.site.control.ticket(&key).await.map_err(Problem::from) {
        Ok(_) => Ok(None),
        Err(problem) if problem.status == StatusCode::NOT_FOUND => {
            Ok(Some(format!("there is no ticket `{key}`")))
        }
        Err(problem) => Err(problem),
    }
}

async fn opened(visitor: &Visitor, fields: &Fields) -> Answer<String> {
    let mut request = TicketRequest {
        title: fields.text("title").trim().to_owned(),
        body: fields.text("body").replace("\r\n", "\n"),
        project: fields.given("project"),
        workflow: fields.given("workflow"),
        kind: fields.given("kind"),
        priority: fields.given("priority"),
        parent: fields.given("parent"),
        labels: fields.words("labels"),
        blocked_by: fields.words("blocked_by"),
        park: fields.text("park") == "true",
        ..TicketRequest::default()
    };
    visitor.who.narrow_request(&mut request)?;
    let who = visitor.who.principal();
    Ok(visitor.site.control.open_ticket(request, who, "page").await?.key)
}

fn typed(fields: &Fields) -> TypedTicket {
    TypedTicket {
        project: fields.owned("project"),
        title: fields.owned("title"),
        body: fields.owned("body"),
        workflow: fields.owned("workflow"),
        kind: fields.owned("kind"),
        priority: fields.owned("priority"),
        labels: fields.owned("labels"),
        parent: fields.owned("parent"),
        blocked_by: fields.owned("blocked_by"),
        park: fields.text("park") == "true",
    }
}

/// Carries out one action on a ticket.
pub(super) async fn act(
    Path((key, verb)): Path<(String, String)>,
    posted: Posted,
) -> Answer<Redirect> {
    let key: TicketKey = key.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    let Posted { visitor: Visitor { site, who, .. }, fields } = posted;
    carry_out(&site, &who, &key, &verb, &fields).await?;
    let back = match fields.text("back") {
        "needs-you" => "/needs-you".to_owned(),
        _ => words::ticket_path(&key.to_string()),
    };
    Ok(Redirect::to(&format!("{back}?did={key}")))
}

async fn carry_out(
    site: &Site,
    who: &Who,
    key: &TicketKey,
    verb: &str,
    fields: &Fields,
) -> Answer<()> {
    let by = who.principal();
    let control = &site.control;
    let text = || fields.text("text").replace("\r\n", "\n");
    let reason = || fields.text("reason").replace("\r\n", "\n");
    match verb {
        "verdict" => {
            control.judge(key, verdict(fields)?, by).await.map(drop)?;
        }
        "answer" => {
            still_asks(site, key, fields.text("attempt")).await?;
            control.answer(key, text(), by).await.map(drop)?;
        }
        "report" => {
            let attempt = attempt(site, key, fields).await?;
            auth::own_attempt(site, who, fields.text("attempt")).await?;
            control.report(attempt, report(fields), by).await.map(drop)?;
        }
        "approve" | "deny" => {
            let id = approval(site, key, fields).await?;
            match verb {
                "approve" => control.approve(id, by).await.map(drop)?,
                _ => control.deny(id, reason(), by).await.map(drop)?,
            }
        }
        "say" => control.say(key, text(), None, by).await.map(drop)?,
        "take-back" => {
            let id = fields.text("message").parse::<MessageId>();
            let id = id.map_err(|e| Problem::not_found(e.to_string()))?;
            control.withdraw_message(key, id, by).await.map(drop)?;
        }
        "park" => control.park(key, false, by).await.map(drop)?,
        "reopen" => control.reopen(key, by).await.map(drop)?,
        "unpark" => control.execute(key, Command::Unpark, by).await.map(drop)?,
        "cancel" => {
            control.execute(key, Command::Cancel { reason: reason() }, by).await.map(drop)?;
        }
        "retry" => control.execute(key, Command::Retry { reason: reason() }, by).await.map(drop)?,
        "withdraw" => {
            let gate = fields.given("gate").map(GateId::new);
            control.execute(key, Command::Withdraw { gate }, by).await.map(drop)?;
        }
        other => return Err(Problem::not_found(format!("nothing is called `{other}`"))),
    }
    Ok(())
}

/// Refuses an answer to a question that is no longer the open one.
async fn still_asks(site: &Site, key: &TicketKey, attempt: &str) -> Answer<()> {
    let question = site.control.ticket_doc(key).await?.question;
    if attempt.is_empty() || question.is_none_or(|it| it.attempt == attempt) {
        return Ok(());
    }
    let detail = "another question is open now; what you answered was asked before it";
    Err(Problem::new(StatusCode::CONFLICT, "conflict", detail))
}

/// Returns the approval that a form is about, where it is one of the ticket's.
async fn approval(site: &Site, key: &TicketKey, fields: &Fields) -> Answer<ApprovalId> {
    let id = fields.text("approval").parse::<ApprovalId>();
    let id = id.map_err(|e| Problem::not_found(e.to_string()))?;
    let (ticket, _) = site.control.ticket(key).await?;
    let none = || Problem::not_found(format!("`{key}` has no approval `{id}`"));
    ticket.approval(id).map(|it| it.id).ok_or_else(none)
}

/// Returns the attempt that a form is about, where it is one of the ticket's.
async fn attempt(site: &Site, key: &TicketKey, fields: &Fields) -> Answer<AttemptId> {
    let id = fields.text("attempt").parse::<AttemptId>();
    let id = id.map_err(|e| Problem::not_found(e.to_string()))?;
    let (ticket, _) = site.control.ticket(key).await?;
    let none = || Problem::not_found(format!("`{key}` has no attempt `{id}`"));
    ticket.attempt(id).map(|it| it.id).ok_or_else(none)
}

fn report(fields: &Fields) -> Report {
    let text = fields.text("text").replace("\r\n", "\n");
    match fields.text("kind") {
        "question" => Report::Question { text },
        _ => Report::Done { summary: text },
    }
}

fn verdict(fields: &Fields) -> Answer<VerdictRequest> {
    let word = fields.text("verdict");
    let verdict = serde_json::from_value(word.into());
    let unknown = |_| {
        Problem::bad(format!("`{word}` is no verdict; it is `pass`, `changes`, `fail` or `waive`"))
    };
    let reason = fields.text("reason").replace("\r\n", "\n");
    if reason.len() > REASON_MOST {
        let kib = (reason.len() / 1024, REASON_MOST / 1024);
        let detail = format!(
            "the reason has {} KiB, {} fit: say here what it comes to, and the rest as findings or in a comment",
            kib.0, kib.1
        );
        return Err(Problem::senseless("reason_too_long", detail));
    }
    Ok(VerdictRequest {
        verdict: verdict.map_err(unknown)?,
        gate: fields.given("gate"),
        reason,
        findings: findings(fields)?,
        packet: fields.given("packet"),
        judged: fields.given("judged").and_then(|it| it.parse().ok()),
    })
}

/// Returns the findings of a verdict: the lines that were typed, and the comments that stand at lines of the diff.
fn findings(fields: &Fields) -> Answer<Vec<NewFinding>> {
    let comments = fields.0.iter().filter(|(name, _)| name == "finding");
    let comments = comments.map(|(_, text)| text.replace("\r\n", "\n"));
    let comments = comments.filter_map(|it| at_line(&it).or_else(|| finding(&it)));
    let all = comments.chain(fields.text("findings").lines().filter_map(finding));
    all.map(|it| match it.text.contains(char::is_alphanumeric) {
        true => Ok(it),
        false => Err(wordless(&it)),
    })
    .collect()
}

/// The lane would have to answer to it.
fn wordless(finding: &NewFinding) -> Problem {
    let detail = format!(
        "the finding `{}` says nothing that could be answered: write `FILE:LINE: TEXT`, or the text alone",
        finding.text
    );
    Problem::senseless("finding_without_words", detail)
}

/// Reads `FILE:LINE:TEXT` as a page writes it, whatever the file is called.
fn at_line(comment: &str) -> Option<NewFinding> {
    comment.match_indices(':').find_map(|(at, _)| {
        let (line, text) = comment[at + 1..].split_once(':')?;
        let file = Some(comment[..at].to_owned()).filter(|it| !it.is_empty());
        let (line, text) = (Some(line.parse().ok()?), text.trim().to_owned());
        Some(NewFinding { file: Some(file?), line, text, command: None })
    })
}

/// Reads one line that somebody typed: `FILE:LINE:TEXT`, `FILE:TEXT` or `TEXT`. What has neither dot nor slash is a file where a line's
/// number follows, like `Makefile:12:text`.
fn finding(line: &str) -> Option<NewFinding> {
    let line = line.trim();
    let whole = || NewFinding { file: None, line: None, text: line.into(), command: None };
    if line.is_empty() {
        return None;
    }
    let Some((file, rest)) = line.split_once(':') else { return Some(whole()) };
    let has_number = rest.split_once(':').is_some_and(|(n, _)| n.trim().parse::<u32>().is_ok());
    let is_file = !file.is_empty()
        && !file.contains(char::is_whitespace)
        && (has_number || file.contains(['.', '/']));
    if !is_file || rest.trim().is_empty() || rest.starts_with("//") {
        return Some(whole());
    }
    let numbered = rest.split_once(':').and_then(|(n, text)| Some((n.trim().parse().ok()?, text)));
    let (number, text) = match numbered {
        Some((number, text)) if !text.trim().is_empty() => (Some(number), text),
        Some(_) | None => (None, rest),
    };
    Some(NewFinding {
        file: Some(file.into()),
        line: number,
        text: text.trim().into(),
        command: None,
    })
}

pub(super) async fn undo(
    State(site): State<Site>,
    Path(id): Path<String>,
    Posted { visitor, .. }: Posted,
) -> Answer<Redirect> {
    let id: OperatorActId = id.parse().map_err(|e| Problem::not_found(format!("{e}")))?;
    site.control.undo(id, visitor.who.principal()).await?;
    Ok(Redirect::to("/needs-you"))
}

pub(super) async fn switch(
    State(site): State<Site>,
    Path((role, verb)): Path<(String, String)>,
    Posted { visitor, fields }: Posted,
) -> Answer<Redirect> {
    let pauses = match verb.as_str() {
        "pause" => true,
        "resume" => false,
        other => return Err(Problem::not_found(format!("nothing is called `{other}`"))),
    };
    let project = fields.given("project").map(|it| it.parse()).transpose();
    let project = project.map_err(|e: mission_domain::ids::BadName| Problem::bad(e.to_string()))?;
    api::switch_lane(&site, &visitor.who, role, project, pauses).await?;
    Ok(Redirect::to("/fleet"))
}

pub(super) async fn try_runtime(
    Path(name): Path<String>,
    Posted { visitor, .. }: Posted,
) -> Answer<Redirect> {
    api::close_breaker(&visitor.site, &visitor.who, &name).await?;
    Ok(Redirect::to("/fleet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_read_with_its_file_and_line_or_as_text_alone() {
        let read = |line: &str| finding(line).map(|it| (it.file, it.line, it.text));
        let file = |name: &str| Some(name.to_owned());
        assert_eq!(
            read("src/lib.rs:42:no empty list"),
            Some((file("src/lib.rs"), Some(42), "no empty list".into()))
        );
        assert_eq!(
            read("README.md: says the old name"),
            Some((file("README.md"), None, "says the old name".into()))
        );
        assert_eq!(read("two words: and more"), Some((None, None, "two words: and more".into())));
        assert_eq!(
            read("https://example.org/x"),
            Some((None, None, "https://example.org/x".into()))
        );
        assert_eq!(read("src/a.rs:7:"), Some((file("src/a.rs"), None, "7:".into())));
        assert_eq!(read("Makefile:12:tabs"), Some((file("Makefile"), Some(12), "tabs".into())));
        assert_eq!(read("note: 12 of them"), Some((None, None, "note: 12 of them".into())));
        assert_eq!(read("  "), None);
    }

    #[test]
    fn a_finding_without_a_word_is_refused_with_what_was_typed() {
        let typed = |text: &str| {
            let fields = vec![("findings".to_owned(), text.to_owned())];
            findings(&Fields(fields)).map(|it| it.len()).map_err(|it| it.detail)
        };
        assert_eq!(typed("one\n\nsrc/a.rs:1:two\n"), Ok(2));
        assert!(typed("one\n:::").unwrap_err().contains("`:::`"));
        assert!(typed("src/a.rs:1: !?").unwrap_err().contains("`!?`"));
    }

    #[test]
    fn a_comment_on_a_line_has_its_place_whatever_the_file_is_called() {
        for name in ["Makefile", "src/a b.txt", "a:b.rs", "LICENSE"] {
            let found = at_line(&format!("{name}:7:one: two\nthree")).expect("a place");
            assert_eq!((found.file.as_deref(), found.line), (Some(name), Some(7)));
            assert_eq!(found.text, "one: two\nthree");
        }
        assert_eq!(at_line("no place"), None);
    }
}
