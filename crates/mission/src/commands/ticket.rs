//! `mission ticket …`: file, read and change tickets.

use jiff::Span;
use mission_domain::doc::{AttemptDoc, MessageDoc, TicketDoc};
use mission_domain::ids::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Done, text_or_stdin};
use crate::cli::Key;
use crate::cli::ticket::{EditArgs, ListArgs, NewArgs, State, TicketCommand};
use crate::context::{Context, print_text};
use crate::door::with_query;
use crate::failure::Failure;
use crate::output::wrap::hung;
use crate::output::{list, ticket, words};
use crate::project;

/// The answer of `GET /attempts`.
#[derive(Debug, Deserialize)]
pub(crate) struct Attempts {
    /// The attempts.
    pub(crate) attempts: Vec<AttemptDoc>,
}

/// The answer of `GET /messages`.
#[derive(Debug, Deserialize)]
pub(crate) struct Messages {
    /// The messages.
    pub(crate) messages: Vec<MessageDoc>,
}

/// What holds a ticket.
#[derive(Debug, Deserialize)]
struct Why {
    text: String,
    #[serde(default)]
    held_by: Vec<String>,
}

/// Runs one of them.
pub(crate) async fn run(context: &Context, command: TicketCommand) -> Done {
    let keys = |keys: &[Key]| json!(keys.iter().map(ToString::to_string).collect::<Vec<_>>());
    match command {
        TicketCommand::New(args) => new(context, args).await,
        TicketCommand::List(args) => show_list(context, args).await,
        TicketCommand::Show { key } => show(context, &key).await,
        TicketCommand::Why { key } => why(context, &key).await,
        TicketCommand::Edit(args) => edit(context, args).await,
        TicketCommand::Park { key, tree } => {
            change(context, &key, "park", json!({"tree": tree})).await
        }
        TicketCommand::Unpark { key } => change(context, &key, "unpark", json!({})).await,
        TicketCommand::Cancel { key, reason } => {
            change(context, &key, "cancel", json!({"reason": reason})).await
        }
        TicketCommand::Supersede { key, by } => {
            change(context, &key, "supersede", json!({"by": keys(&by)})).await
        }
        TicketCommand::Retry { key, reason } => {
            change(context, &key, "retry", json!({"reason": reason})).await
        }
        TicketCommand::Reopen { key } => change(context, &key, "reopen", json!({})).await,
        TicketCommand::Comment { key, text } => {
            let body = json!({"text": text_or_stdin(&text)?});
            change(context, &key, "comment", body).await
        }
    }
}

/// Posts one change and tells where the ticket stands after it.
pub(crate) async fn change(context: &Context, key: &Key, verb: &str, body: Value) -> Done {
    let answer = context.door().await?.post(&format!("/tickets/{key}/{verb}"), &body).await?;
    context.show(&answer, |it: &TicketDoc, _| standing(it))
}

/// Returns where a ticket stands, in a line.
fn standing(ticket: &TicketDoc) -> String {
    format!("{} is {}: {}\n", ticket.key, words::plain(&ticket.state), hung(&ticket.reason.text))
}

async fn new(context: &Context, args: NewArgs) -> Done {
    let not_before =
        args.not_before.as_deref().map(|it| moment(it, context.screen.now)).transpose()?;
    let body = args.body.as_deref().map(text_or_stdin).transpose()?;
    let door = context.door().await?;
    let mut fields = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(key.to_owned(), value);
        }
    };
    let project = match &args.parent {
        Some(parent) if context.project.is_none() => parent.project().to_string(),
        Some(_) | None => project::required(context, &door).await?,
    };
    set("title", Some(json!(args.title)));
    set("project", Some(json!(project)));
    set("channel", Some(json!("cli")));
    set("kind", args.campaign.then(|| json!("campaign")));
    set("body", body.map(Value::from));
    set("workflow", args.workflow.map(Value::from));
    set("campaign_workflow", args.campaign_workflow.map(Value::from));
    set("parent", args.parent.map(|it| json!(it.to_string())));
    let blockers: Vec<_> = args.blocked_by.iter().map(ToString::to_string).collect();
    set("blocked_by", (!blockers.is_empty()).then(|| json!(blockers)));
    set("labels", (!args.labels.is_empty()).then(|| json!(args.labels)));
    set("not_before", not_before.map(|it| json!(it)));
    set("priority", args.priority.map(|it| json!(it.as_str())));
    set("policy", args.policy.map(Value::from));
    set("park", args.park.then_some(json!(true)));
    let answer = door.post("/tickets", &Value::Object(fields)).await?;
    context.show(&answer, |it: &TicketDoc, _| format!("{}\n", it.key))
}

async fn show_list(context: &Context, args: ListArgs) -> Done {
    let door = context.door().await?;
    let project = match &args.campaign {
        Some(campaign) => Some(campaign.project().to_string()),
        None => project::chosen(context, &door).await?,
    };
    let word = |it: &State| {
        let value = clap::ValueEnum::to_possible_value(it);
        value.map_or_else(String::new, |it| it.get_name().to_owned())
    };
    let states: Vec<_> = args.states.iter().map(word).collect();
    let states = (!states.is_empty()).then(|| states.join(","));
    let campaign = args.campaign.as_ref().map(ToString::to_string);
    let path = with_query(
        "/tickets",
        &[
            ("project", project.as_deref()),
            ("state", states.as_deref()),
            ("role", args.role.as_deref()),
            ("campaign", campaign.as_deref()),
            ("fields", (!context.json).then_some("row")),
        ],
    );
    let answer = door.get(&path).await?;
    context.show(&answer, list::list)
}

async fn show(context: &Context, key: &Key) -> Done {
    let door = context.door().await?;
    let answer = door.get(&format!("/tickets/{key}")).await?;
    if context.json {
        return context.show(&answer, |_: &TicketDoc, _| String::new());
    }
    let name = key.to_string();
    let of_ticket = |path: &str| with_query(path, &[("ticket", Some(&name))]);
    let attempts = door.get(&of_ticket("/attempts")).await?.read::<Attempts>()?.attempts;
    let messages = door.get(&of_ticket("/messages")).await?.read::<Messages>()?.messages;
    let whole = ticket::Whole { ticket: answer.read()?, attempts, messages };
    print_text(&ticket::show(&whole, &context.screen));
    Ok(())
}

async fn why(context: &Context, key: &Key) -> Done {
    let answer = context.door().await?.get(&format!("/tickets/{key}/why")).await?;
    context.show(&answer, |it: &Why, _| match it.held_by.first() {
        Some(held) => format!("{}: {held}\n", hung(&it.text)),
        None => format!("{}\n", hung(&it.text)),
    })
}

async fn edit(context: &Context, args: EditArgs) -> Done {
    let mut fields = Map::new();
    let mut set = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    let names = |keys: &[Key]| json!(keys.iter().map(ToString::to_string).collect::<Vec<_>>());
    if let Some(title) = &args.title {
        set("title", json!(title));
    }
    if let Some(body) = &args.body {
        set("body", json!(text_or_stdin(body)?));
    }
    if let Some(priority) = args.priority {
        set("priority", json!(priority.as_str()));
    }
    if args.no_labels || !args.labels.is_empty() {
        set("labels", json!(args.labels));
    }
    if !args.blocked_by.is_empty() {
        set("add_blockers", names(&args.blocked_by));
    }
    if !args.unblock.is_empty() {
        set("remove_blockers", names(&args.unblock));
    }
    match args.not_before.as_deref() {
        None => {}
        Some("none") => drop(set("not_before", Value::Null)),
        Some(text) => drop(set("not_before", json!(moment(text, context.screen.now)?))),
    }
    if fields.is_empty() {
        return Err(
            Failure::usage("nothing to change is named").hint("see `mission ticket edit --help`")
        );
    }
    let path = format!("/tickets/{}", args.key);
    let answer = context.door().await?.patch(&path, &Value::Object(fields)).await?;
    context.show(&answer, |it: &TicketDoc, _| standing(it))
}

/// Reads a moment: `2030-05-01T09:00Z`, `2030-05-01 09:00` in this machine's zone, or a span from now, like `2h`.
fn moment(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(span) = text.parse::<Span>() {
        let at = now.checked_add(hours_of_days(span)).ok();
        return at.ok_or_else(|| Failure::usage(format!("`{text}` is too far away")));
    }
    let local = text.parse::<jiff::civil::DateTime>().ok();
    let local = local.and_then(|it| jiff::tz::TimeZone::system().to_timestamp(it).ok());
    let bad = || {
        Failure::usage(format!("`{text}` is no time"))
            .hint("write `2030-05-01T09:00Z`, `2030-05-01 09:00` in this machine's zone, or a span like `2h`")
    };
    local.ok_or_else(bad)
}

/// Reads a moment as [`moment`] does, a span going back from now.
pub(super) fn past_moment(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    match text.parse::<Span>() {
        Ok(span) => moment(&format!("{:#}", span.abs().negate()), now),
        Err(_) => moment(text, now),
    }
}

/// Returns `span` with its weeks and days as hours: a span from now knows no calendar.
fn hours_of_days(span: Span) -> Span {
    let (weeks, days) = (i64::from(span.get_weeks()), i64::from(span.get_days()));
    let hours = i64::from(span.get_hours()) + 24 * (days + 7 * weeks);
    span.weeks(0).days(0).try_hours(hours).unwrap_or(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_are_read_and_anything_else_is_a_usage_error() {
        let now: Timestamp = "2030-05-01T09:00:00Z".parse().expect("a time");
        let read = |text: &str| moment(text, now).map(|it| it.to_string());
        assert_eq!(read("2030-05-02T10:00Z").expect("read"), "2030-05-02T10:00:00Z");
        assert_eq!(read("2h").expect("read"), "2030-05-01T11:00:00Z");
        assert!(read("2030-05-02 10:00").is_ok());
        assert_eq!(read("1d 2h").expect("read"), "2030-05-02T11:00:00Z");
        let past = |text: &str| past_moment(text, now).map(|it| it.to_string());
        assert_eq!(past("2h").expect("read"), "2030-05-01T07:00:00Z");
        assert_eq!(past("1d").expect("read"), "2030-04-30T09:00:00Z");
        assert_eq!(past("2030-05-01T08:00Z").expect("read"), "2030-05-01T08:00:00Z");
        assert!(read("soon").expect_err("no time").text.contains("`soon` is no time"));
    }
}
