//! Events and names in words, the same at every door. An unknown kind is told by its name, so that a newer log still reads.

use crate::doc::EventDoc;
use crate::principal::is_word_of_ours;

/// Returns `word` as people read it: `in_review` is `in review`.
pub fn plain(word: &str) -> String {
    word.replace('_', " ")
}

/// Returns a gate's name as people read it: `qa_review` is `QA review`.
pub fn gate(id: &str) -> String {
    match id {
        "qa_review" => "QA review".into(),
        "design_signoff" => "design sign-off".into(),
        _ => plain(id),
    }
}

/// Returns the first eight characters of a hash, as people write commits.
pub fn short(hash: &str) -> &str {
    let hash = hash.strip_prefix("sha256:").unwrap_or(hash);
    hash.get(..8).unwrap_or(hash)
}

/// Returns a principal as people read it: a person's name, `qa · claude`, `controller`, `scripted`. Who is named like the machine
/// is told with what they are, like `person:controller`.
pub fn principal(principal: &str) -> String {
    match principal.split_once(':') {
        Some(("lane", lane)) => lane.replacen('/', " · ", 1),
        // What the owner of a home is called whose system says no name: nobody else may be called so.
        Some(("person", name @ "owner")) => name.into(),
        Some(("person" | "external", name)) if is_word_of_ours(name) && name != "anyone" => {
            principal.into()
        }
        Some(("person" | "external" | "role", name)) => name.into(),
        Some(_) | None => principal.into(),
    }
}

/// Returns who did it: of a verdict whoever gave it, also where the controller wrote it down.
pub fn who(event: &EventDoc) -> &str {
    let place = match event.kind.as_str() {
        "judged" => "/signoff/principal",
        "sent_back" => "/by",
        _ => return &event.principal,
    };
    event.body.pointer(place).and_then(|it| it.as_str()).unwrap_or(&event.principal)
}

/// Returns what happened as the rest of a sentence that begins with who did it.
pub fn told(event: &EventDoc) -> String {
    let text = |field: &str| event.body.get(field).and_then(|v| v.as_str()).unwrap_or_default();
    let its_gate = || gate(text("gate"));
    let attempt = || event.attempt.clone().unwrap_or_else(|| text("attempt").to_owned());
    match event.kind.as_str() {
        "opened" => "filed the ticket".into(),
        "edited" => "edited the ticket".into(),
        "request_changed" => "changed what it asks for, after work on it had begun".into(),
        "linked" => "changed what it waits for".into(),
        "parked" => "parked it".into(),
        "unparked" => "took it up again".into(),
        "blocker_ended" => format!("saw {} end: {}", text("blocker"), plain(text("how"))),
        "time_came" => "released it: its time came".into(),
        "child_added" => format!("added {}", text("child")),
        "child_ended" => format!("saw {} end: {}", text("child"), plain(text("how"))),
        "cancelled" => format!("cancelled it: {}", text("reason")),
        "superseded" => "replaced it by other tickets".into(),
        "reopened" => "reopened it".into(),
        "finished" => "finished it".into(),
        "commented" => format!("noted: {}", text("text")),
        "claimed" => format!("claimed {} for {}", its_gate(), attempt()),
        "began" => format!("began {}", attempt()),
        "took_over" if event.principal.starts_with("lane:") => {
            format!("has somebody at its own screen in {}", attempt())
        }
        "took_over" => format!("took over {}", attempt()),
        "typed" => format!("has {} typing in {}", principal(text("by")), attempt()),
        "gave_back" if event.principal.starts_with("lane:") => {
            format!("has its own screen back in {}", attempt())
        }
        "gave_back" => format!("gave {} back", attempt()),
        "recorded" => format!("kept the recording of {}", attempt()),
        "evidence_added" => "handed in evidence".into(),
        "reported" => "reported".into(),
        "attempt_ended" => ended(event, &attempt()),
        "question_asked" => format!("asked: {}", text("text")),
        "question_answered" => format!("answered: {}", text("text")),
        "workspace_made" => format!("made the workspace {}", text("branch")),
        "workspace_removed" => "removed the workspace; what was unfinished is kept".into(),
        "head_moved" if text("change") == "base" => {
            "saw the default branch lose what the work is based on".into()
        }
        "head_moved" => "fetched new commits".into(),
        "requirement_grew" => format!("found {} required: {}", its_gate(), text("why")),
        "finding_answered" => format!("answered {}: {}", text("finding"), text("state")),
        "packet_sealed" => format!("sealed the packet of {}", its_gate()),
        "delivery_refused" => {
            format!("refused the delivery for {}: evidence is missing", its_gate())
        }
        "judged" => judged(event, &its_gate()),
        "sent_back" => format!("sent it back from {} to {}", gate(text("from")), gate(text("to"))),
        "staled" if text("change") == "base" => format!(
            "called the sign-off of {} stale: the default branch no longer holds what the work is based on",
            its_gate()
        ),
        "staled" if text("change") == "request" => {
            format!("called the sign-off of {} stale: the request changed", its_gate())
        }
        "staled" => format!("called the sign-off of {} stale", its_gate()),
        "base_moved" => format!("saw the base move under {}", its_gate()),
        "verdict_withdrawn" => format!("withdrew the verdict on {}", its_gate()),
        "person_asked" => format!("{} needs a person: {}", its_gate(), text("why")),
        "handed_over" => format!("asked a person to decide {}: {}", its_gate(), text("why")),
        "could_not_run" => format!("could not run {}: {}", its_gate(), text("cause")),
        "blocked" => format!("blocked it: {}", text("text")),
        "budget_nearly_spent" => format!("warned: {}", text("text")),
        "unblocked" => format!("let it go on: {}", text("reason")),
        "retried" => format!("gave it another try: {}", text("reason")),
        "landed" => format!("landed {}", short(text("commit"))),
        "message_queued" => format!("{WROTE}{}", text("text")),
        "message_repeated" => WROTE_AGAIN.into(),
        "digest_seen" => "has seen what changed".into(),
        "corrected" => format!("corrected by rule {}: {}", text("rule"), text("cause")),
        _ => told_of_errand(event).unwrap_or_else(|| plain(&event.kind)),
    }
}

/// Returns what happened to messages, and to commands that a person permits; nothing for another kind.
fn told_of_errand(event: &EventDoc) -> Option<String> {
    let text = |field: &str| event.body.get(field).and_then(|v| v.as_str()).unwrap_or_default();
    Some(match event.kind.as_str() {
        "messages_delivered" => "was given its messages".into(),
        "messages_processed" => "dealt with its messages".into(),
        "messages_requeued" => "put its messages back into the queue".into(),
        "messages_withdrawn" => "took messages back".into(),
        "messages_undeliverable" => format!("could not deliver messages: {}", text("why")),
        "approval_requested" => format!("asks to run {}", in_ticks(&command(event))),
        "approval_repeated" => "asked for the same command again".into(),
        "approval_given" => format!("approved {} once", text("id")),
        "approval_denied" => format!("denied {}: {}", text("id"), text("reason")),
        "approval_expired" => format!("let {} lapse: nobody answered in time", text("id")),
        "approval_voided" => format!("made {} void: {}", text("id"), text("why")),
        "approval_began" => format!("runs {}, as it was approved", text("id")),
        "approval_ran" => format!("ran {}: {}", text("id"), ran(event)),
        "approval_unclear" => format!("cannot tell whether {} ran: {}", text("id"), text("why")),
        _ => return None,
    })
}

/// Returns the words of the command that is asked for.
fn command(event: &EventDoc) -> String {
    let argv = event.body.pointer("/asked/argv").or(event.body.get("argv"));
    let words = argv.and_then(|it| it.as_array()).into_iter().flatten();
    words.filter_map(|it| it.as_str()).collect::<Vec<_>>().join(" ")
}

fn in_ticks(command: &str) -> String {
    if command.is_empty() { "a guarded command".into() } else { format!("`{command}`") }
}

/// Returns how an approved command ended.
fn ran(event: &EventDoc) -> String {
    let ended = event.body.pointer("/ran/ended").and_then(|it| it.as_str());
    ended.unwrap_or("its end is unknown").into()
}

/// How a message is told, one that came again while it was queued, and several of them.
const WROTE: &str = "wrote: ";
const WROTE_AGAIN: &str = "wrote the same text again";
const WROTE_LAST: &str = "wrote, last: ";

/// Returns whether two things that one principal did, as [`told`], are one row of a list: what somebody writes is one thing.
pub fn are_one(one: &str, other: &str) -> bool {
    let is_writing =
        |it: &str| it.starts_with(WROTE) || it.starts_with(WROTE_LAST) || it == WROTE_AGAIN;
    one == other || (is_writing(one) && is_writing(other))
}

/// Returns two texts that are one row, the newer one first, as one.
pub fn told_together(newer: &str, older: &str) -> String {
    let text = |it: &str| it.strip_prefix(WROTE_LAST).or(it.strip_prefix(WROTE)).map(str::to_owned);
    match text(newer).or_else(|| text(older)) {
        Some(text) => format!("{WROTE_LAST}{text}"),
        None => newer.to_owned(),
    }
}

/// Returns how an attempt ended.
fn ended(event: &EventDoc, attempt: &str) -> String {
    let end = event.body.get("end");
    let field = |name: &str| end.and_then(|e| e.get(name)).and_then(|v| v.as_str());
    match (field("class"), field("summary").filter(|it| !it.is_empty())) {
        // The summary of an end that is the runtime's fault begins with its class.
        (Some(class), Some(summary)) if summary.starts_with(class) => {
            format!("ended {attempt}: {}", summary.replacen(class, &plain(class), 1))
        }
        (Some(class), Some(summary)) => format!("ended {attempt}: {}, {summary}", plain(class)),
        (Some(class), None) => format!("ended {attempt}: {}", plain(class)),
        (None, Some(summary)) => format!("ended {attempt}: {summary}"),
        (None, None) => format!("ended {attempt}"),
    }
}

/// Returns a verdict.
fn judged(event: &EventDoc, gate: &str) -> String {
    let signoff = event.body.get("signoff");
    let field =
        |name: &str| signoff.and_then(|s| s.get(name)).and_then(|v| v.as_str()).unwrap_or_default();
    let verb = match field("verdict") {
        "pass" => "signed off",
        "changes" => "requested changes on",
        "fail" => "failed",
        "waive" => "waived",
        _ => "judged",
    };
    match field("reason") {
        "" => format!("{verb} {gate}"),
        reason => format!("{verb} {gate}: {reason}"),
    }
}
