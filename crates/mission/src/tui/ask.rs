//! One decision before it is given: what it is about, what is typed to it, and the request that it becomes. The requests are those
//! of `mission gate`, `answer`, `say`, `approve`, `deny` and `ticket retry`.

use mission_domain::doc::{ApprovalDoc, GateDoc, NeedsYouDoc, TicketDoc};
use mission_domain::ids::Timestamp;
use mission_domain::rules::FINAL_VALIDATION;
use serde_json::{Value, json};
use tui_input::Input;

use super::rest::Asked;
use crate::output::rail::standing;
use crate::output::words;

/// What is sent when it is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// A verdict on a gate, given on a packet.
    Verdict {
        /// `pass`, `changes` or `waive`.
        word: &'static str,
        /// The ticket.
        key: String,
        /// The gate.
        gate: String,
        /// The packet that was seen.
        packet: Option<String>,
    },
    /// Takes the last verdict on a gate back.
    Withdraw {
        /// The ticket.
        key: String,
        /// The gate.
        gate: String,
    },
    /// Permits a guarded command, once.
    Approve {
        /// The approval.
        id: String,
    },
    /// Refuses a guarded command.
    Deny {
        /// The approval.
        id: String,
    },
    /// Answers a question.
    Answer {
        /// The ticket.
        key: String,
    },
    /// Reports a person's own work as done.
    Report {
        /// The attempt.
        attempt: String,
    },
    /// Gives a blocked ticket fresh attempts.
    Retry {
        /// The ticket.
        key: String,
    },
    /// Writes to whoever works a ticket.
    Say {
        /// The ticket.
        key: String,
    },
}

impl Order {
    /// Returns the path and the body of the request, with what was typed.
    pub(crate) fn request(&self, text: &str) -> (String, Value) {
        match self {
            Self::Verdict { word, key, gate, packet } => {
                let mut body = json!({"verdict": word, "gate": gate, "reason": text});
                if let Some(packet) = packet {
                    body["packet"] = json!(packet);
                }
                (format!("/tickets/{key}/verdict"), body)
            }
            Self::Withdraw { key, gate } => {
                (format!("/tickets/{key}/withdraw"), json!({"gate": gate}))
            }
            Self::Approve { id } => (format!("/approvals/{id}/approve"), json!({})),
            Self::Deny { id } => (format!("/approvals/{id}/deny"), json!({"reason": text})),
            Self::Answer { key } => (format!("/tickets/{key}/answer"), json!({"text": text})),
            Self::Report { attempt } => {
                (format!("/attempts/{attempt}/report"), json!({"kind": "done", "summary": text}))
            }
            Self::Retry { key } => (format!("/tickets/{key}/retry"), json!({"reason": text})),
            Self::Say { key } => (format!("/tickets/{key}/say"), json!({"text": text})),
        }
    }
}

/// How far a dialog is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It waits for the person.
    Open,
    /// What it was about has changed meanwhile; it can only be closed.
    Changed(String),
    /// It was sent and is not answered.
    Sent,
    /// It was refused; it can be sent again.
    Refused(String),
}

/// A line to type into.
#[derive(Debug)]
pub(crate) struct Field {
    /// What belongs into it.
    pub(crate) label: &'static str,
    /// Whether it may stay empty.
    pub(crate) is_optional: bool,
    /// What was typed.
    pub(crate) input: Input,
}

/// A verdict that was given in this view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The ticket.
    pub(crate) key: String,
    /// The gate.
    pub(crate) gate: String,
    /// `pass`, `changes` or `waive`.
    pub(crate) word: &'static str,
    /// Why it can no longer be taken back, as soon as that is so.
    pub(crate) over: Option<String>,
}

/// One decision that is being made.
#[derive(Debug)]
pub(crate) struct Dialog {
    /// What is sent.
    pub(crate) order: Order,
    /// What `enter` does, in words.
    pub(crate) verb: &'static str,
    /// What is decided on: names with their values.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// What to know before it.
    pub(crate) note: String,
    /// Whether that is a warning.
    pub(crate) is_final: bool,
    /// What is typed to it.
    pub(crate) field: Option<Field>,
    /// How far it is.
    pub(crate) stage: Stage,
    /// What it was opened on; nothing where it is about no decision.
    pub(crate) asked: Option<Asked>,
    /// The first line that is shown of what it is about, and the furthest that was.
    pub(crate) scroll: u16,
    pub(crate) read: u16,
    /// Before this moment it is not sent: what has to be read first.
    pub(crate) unread: Option<(Timestamp, String)>,
}

impl Dialog {
    fn new(
        order: Order,
        verb: &'static str,
        facts: Vec<(&'static str, String)>,
        note: impl Into<String>,
    ) -> Self {
        let (field, stage, note) = (None, Stage::Open, note.into());
        Self {
            order,
            verb,
            facts,
            note,
            is_final: false,
            field,
            stage,
            asked: None,
            scroll: 0,
            read: 0,
            unread: None,
        }
    }

    /// Moves what is shown of what it is about by `step` lines; `most` is the first line of the last part.
    pub(crate) fn scrolls(&mut self, step: i32, most: u16) {
        let to = i32::from(self.scroll).saturating_add(step).clamp(0, i32::from(most));
        self.scroll = u16::try_from(to).unwrap_or(most);
        self.read = self.read.max(self.scroll);
        if let Stage::Refused(_) = self.stage {
            self.stage = Stage::Open;
        }
    }

    /// Begins to be read anew: the terminal has another size.
    pub(crate) fn read_anew(&mut self) {
        (self.scroll, self.read) = (0, 0);
    }

    fn asks(self, label: &'static str, is_optional: bool) -> Self {
        Self { field: Some(Field { label, is_optional, input: Input::default() }), ..self }
    }

    /// Returns what was typed.
    pub(crate) fn text(&self) -> &str {
        self.field.as_ref().map_or("", |it| it.input.value().trim())
    }

    /// Returns whether something that has to be typed is missing.
    pub(crate) fn lacks_text(&self) -> bool {
        self.field.as_ref().is_some_and(|it| !it.is_optional) && self.text().is_empty()
    }

    /// Returns whether it was refused with `why`.
    pub(crate) fn says(&self, why: &str) -> bool {
        matches!(&self.stage, Stage::Refused(it) if it == why)
    }

    /// Locks it where what it is about is no longer what was seen. `told` is who did what to its ticket last.
    pub(crate) fn compare(&mut self, decisions: &[NeedsYouDoc], told: Option<&str>) {
        if matches!(self.stage, Stage::Sent | Stage::Changed(_)) {
            return;
        }
        if let Some(why) = self.asked.as_ref().and_then(|it| it.over(decisions, told)) {
            self.stage = Stage::Changed(why);
        }
    }
}

/// Returns the dialog that `key` opens on a decision, or why there is none.
pub(crate) fn on_decision(
    key: char,
    item: &NeedsYouDoc,
    branch: Option<&str>,
) -> Result<Dialog, String> {
    let approval = item.ticket.approvals.iter().find(|it| it.state == "requested");
    let dialog = match (item.kind.as_str(), key) {
        ("signoff", 'a') => verdict("pass", &item.ticket, branch),
        ("signoff", 'r') => verdict("changes", &item.ticket, branch),
        (_, 'w') => verdict("waive", &item.ticket, branch),
        ("approval", 'a' | 'd') => match approval {
            Some(it) if key == 'a' => Ok(approve(&item.ticket, it)),
            Some(it) => Ok(deny(&item.ticket, it)),
            None => Err("no request of this ticket is open".into()),
        },
        ("question", '1') => Ok(answer(item)),
        ("work", '1') => report(item),
        ("blocked", '1') => Ok(retry(item)),
        (kind, _) => Err(not_here(kind, &item.ticket.key)),
    };
    dialog.map(|it| Dialog { asked: Some(Asked::of(item)), ..it })
}

fn not_here(kind: &str, key: &str) -> String {
    match kind {
        "signoff" => {
            format!("{key} waits for a verdict: a signs off, r requests changes, w waives")
        }
        "approval" => format!("{key} asks for a permission: a approves once, d denies"),
        "question" => format!("{key} asks a question: 1 answers it"),
        "work" => format!("{key} is your own work: 1 reports it done"),
        "blocked" => format!("{key} is blocked: 1 tries it again, w waives the gate"),
        _ => format!("{key} has nothing to decide here: enter opens it"),
    }
}

/// Returns what ends with the last gate and cannot be taken back; nothing while another gate is open.
fn ends_with(ticket: &TicketDoc, gate: &GateDoc, branch: Option<&str>) -> Option<(bool, String)> {
    let is_settled =
        |it: &&GateDoc| matches!(it.state.as_str(), "passed" | "waived" | "not_required");
    let mut others = ticket.gates.iter().filter(|it| it.id != gate.id);
    if !others.all(|it| is_settled(&it)) {
        return None;
    }
    let lands = ticket.kind == "task" && ticket.gates.iter().any(|it| it.id == FINAL_VALIDATION);
    let what = match branch {
        Some(branch) if lands => format!("the work lands on `{branch}`"),
        None if lands => "the work lands on the project's default branch".into(),
        Some(_) | None => "the ticket ends".into(),
    };
    Some((lands, format!("No other gate is open: with this {what}. That cannot be taken back.")))
}

/// Returns the dialog for a verdict on the gate that a ticket stands at. Work lands on `branch`, where that is known.
pub(crate) fn verdict(
    word: &'static str,
    ticket: &TicketDoc,
    branch: Option<&str>,
) -> Result<Dialog, String> {
    let none = || format!("{} stands at no gate", ticket.key);
    let gate = standing(ticket).ok_or_else(none)?;
    let order = Order::Verdict {
        word,
        key: ticket.key.clone(),
        gate: gate.id.clone(),
        packet: gate.packet.as_ref().map(|it| it.digest.clone()),
    };
    let facts = facts(ticket, gate);
    let end = ends_with(ticket, gate, branch);
    let lands = end.as_ref().is_some_and(|it| it.0);
    let (verb, note) = match word {
        "changes" => {
            let note = "It goes back, and this comes first. Findings with file and line: mission gate changes.";
            return Ok(
                Dialog::new(order, "Request changes", facts, note).asks("What must change?", false)
            );
        }
        "pass" if lands => ("Sign off and land", "It holds for this commit and packet."),
        "pass" => ("Sign off", "It holds for this commit and packet."),
        _ => {
            let verb = if lands { "Waive and land" } else { "Waive" };
            (verb, "The ticket goes on without this gate. Your name stands beside it.")
        }
    };
    let is_final = end.is_some();
    let note = end.map_or_else(|| note.to_owned(), |it| format!("{} {note}", it.1));
    let dialog = Dialog { is_final, ..Dialog::new(order, verb, facts, note) };
    Ok(match word {
        "pass" => dialog.asks("Reason (may stay empty)", true),
        _ => dialog.asks("Why may it go on?", false),
    })
}

/// Returns the dialog that takes back the last verdict that was given here, or why it cannot be.
pub(crate) fn withdraw(given: Option<&Given>) -> Result<Dialog, String> {
    let none = "no verdict was given here that could be taken back; `mission gate withdraw KEY` takes back one that was given elsewhere";
    let given = given.ok_or(none)?;
    if let Some(over) = &given.over {
        return Err(format!("the verdict on {} cannot be taken back any more: {over}", given.key));
    }
    let order = Order::Withdraw { key: given.key.clone(), gate: given.gate.clone() };
    let facts = vec![
        ("Ticket", given.key.clone()),
        ("Gate", words::gate(&given.gate)),
        ("Verdict", format!("{} by you, the last that was given here", given.word)),
    ];
    Ok(Dialog::new(order, "Withdraw", facts, "It can be taken back until the next attempt starts."))
}

/// Returns the dialog that writes to whoever works a ticket.
pub(crate) fn say(ticket: &TicketDoc) -> Dialog {
    let order = Order::Say { key: ticket.key.clone() };
    let facts = vec![("Ticket", format!("{} · {}", ticket.key, ticket.title))];
    Dialog::new(order, "Send", facts, "It waits for the end of the turn.").asks("Message", false)
}

fn facts(ticket: &TicketDoc, gate: &GateDoc) -> Vec<(&'static str, String)> {
    let packet = gate.packet.as_ref();
    let round = if gate.round > 1 { format!(", round {}", gate.round) } else { String::new() };
    let commit = packet.and_then(|it| it.commit.clone());
    let commit = commit.unwrap_or_else(|| match packet {
        Some(_) => "none: what was delivered is a text".into(),
        None => "none: nothing was delivered yet".into(),
    });
    let packet = packet.map_or_else(
        || "none".into(),
        |it| format!("{}, {}", words::short(&it.digest), words::plain(&it.status)),
    );
    vec![
        ("Ticket", format!("{} · {}", ticket.key, ticket.title)),
        ("Gate", format!("{}{round}", words::gate(&gate.id))),
        ("Commit", commit),
        ("Packet", packet),
    ]
}

fn asked_for(ticket: &TicketDoc, approval: &ApprovalDoc) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Command", format!("$ {}", approval.command)),
        ("In", approval.cwd.clone()),
        ("Commit", approval.commit.clone().unwrap_or_else(|| "none".into())),
        ("Asked by", format!("{} in {}", words::principal(&approval.by), approval.attempt)),
        ("Ticket", format!("{} · {}", ticket.key, ticket.title)),
        ("Gate", words::gate(&approval.gate)),
    ];
    facts.extend(approval.note.clone().map(|it| ("Note", it)));
    facts
}

fn approve(ticket: &TicketDoc, approval: &ApprovalDoc) -> Dialog {
    let order = Order::Approve { id: approval.id.clone() };
    let note = "Mission Control runs it once, as it stands here. It cannot be undone.";
    Dialog::new(order, "Approve once", asked_for(ticket, approval), note)
}

fn deny(ticket: &TicketDoc, approval: &ApprovalDoc) -> Dialog {
    let order = Order::Deny { id: approval.id.clone() };
    Dialog::new(order, "Deny", asked_for(ticket, approval), "Nothing runs; the lane is told.")
        .asks("Why not?", false)
}

fn answer(item: &NeedsYouDoc) -> Dialog {
    let ticket = &item.ticket;
    let order = Order::Answer { key: ticket.key.clone() };
    let question = ticket.question.as_ref();
    let text = question.map_or_else(|| item.what.clone(), |it| it.text.clone());
    let mut facts = vec![("Ticket", format!("{} · {}", ticket.key, ticket.title))];
    facts.extend(question.map(|it| ("Gate", format!("{}, {}", words::gate(&it.gate), it.attempt))));
    facts.push(("Question", text));
    Dialog::new(order, "Send answer", facts, "A new attempt starts with it.")
        .asks("Your answer", false)
}

fn report(item: &NeedsYouDoc) -> Result<Dialog, String> {
    let gate = standing(&item.ticket);
    let attempt = gate.and_then(|it| it.attempt.clone());
    let none = || format!("{} has no attempt of yours", item.ticket.key);
    let order = Order::Report { attempt: attempt.ok_or_else(none)? };
    let facts = gate.map(|it| facts(&item.ticket, it)).unwrap_or_default();
    Ok(Dialog::new(order, "Report done", facts, "It ends your attempt.")
        .asks("What you did", false))
}

fn retry(item: &NeedsYouDoc) -> Dialog {
    let order = Order::Retry { key: item.ticket.key.clone() };
    let mut facts = vec![("Ticket", format!("{} · {}", item.ticket.key, item.ticket.title))];
    facts.extend(standing(&item.ticket).map(|it| ("Gate", words::gate(&it.id))));
    facts.push(("Blocked", item.ticket.reason.text.clone()));
    Dialog::new(order, "Retry", facts, "It gets fresh attempts and one more round.")
        .asks("What is different now?", false)
}
