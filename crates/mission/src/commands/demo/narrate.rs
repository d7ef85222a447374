//! Tells in the terminal what happens and what to look at: few lines, one thing each.

use std::time::Instant;

use mission_domain::doc::EventDoc;
use mission_testkit::demo::Scripted;
use serde_json::Value;

use super::stage::Stage;
use crate::output::{Screen, Tone};

/// Columns before the words of a line.
const ASIDE: usize = 10 + 5 + 1 + GATE + 1;

/// Columns of a gate's name.
const GATE: usize = 17;

/// Turns events into lines.
#[derive(Debug)]
pub(super) struct Narrator {
    screen: Screen,
    began: Instant,
    script: Vec<Scripted>,
}

/// Returns what a viewer is told before anything happens.
pub(super) fn opening(screen: &Screen, stage: &Stage, url: &str, link: Option<&str>) -> String {
    let home = stage.dir().join("home");
    let mut text = format!(
        "\n{}\n\n  page    {}\n  home    {}\n  lanes   tmux -S {} attach\n  person  `scripted` signs off what nobody else does; it counts in this home only\n",
        screen.paint(Tone::Strong, "Mission Control demo: scripted agents, no model, no account"),
        screen.paint(Tone::Live, link.unwrap_or(url)),
        home.display(),
        home.join("tmux.sock").display(),
    );
    if !stage.has_browser() {
        text.push_str("\n  --no-browser leaves the visual redesign out: no design direction, user testing or design sign-off is shown\n");
    }
    text.push('\n');
    text
}

/// Returns what whoever watches is told once the scripts have ended: what is `left` to them, and that the page stays.
pub(super) fn your_turn(screen: &Screen, url: &str, left: &[Scripted]) -> String {
    let mut text = format!(
        "\n{} Nobody answers for you from here on; in a moment these wait at {url}\n",
        screen.paint(Tone::You, "Your turn."),
    );
    for ticket in left {
        text.push_str(&format!(
            "  {}\n    {}\n",
            ticket.title,
            screen.paint(Tone::Quiet, ticket.look)
        ));
    }
    text.push_str("The page stays up until Ctrl-C; what is still open then is cancelled.\n");
    text
}

impl Narrator {
    /// A narrator whose clock starts at `began`.
    pub(super) fn new(screen: Screen, began: Instant, stage: &Stage) -> Self {
        Self { screen, began, script: stage.script() }
    }

    /// Returns the line for `event`; most events get none.
    pub(super) fn line(&self, event: &EventDoc) -> Option<String> {
        let ticket = event.ticket.as_deref()?;
        let (tone, gate, text) = told(event)?;
        let seconds = self.began.elapsed().as_secs_f64();
        let gate = format!("{:GATE$}", gate.replace('_', " "));
        let title = event.body["title"].as_str().filter(|_| event.kind == "opened");
        let look = title.and_then(|title| self.script.iter().find(|it| it.title == title));
        let look =
            look.map(|it| format!("{:ASIDE$}{}\n", "", self.screen.paint(Tone::Quiet, it.look)));
        Some(format!(
            "{} {ticket:<5} {} {}\n{}",
            self.screen.paint(Tone::Quiet, &format!("{seconds:6.1} s ")),
            self.screen.paint(Tone::Quiet, &gate),
            self.screen.paint(tone, &text),
            look.unwrap_or_default(),
        ))
    }
}

/// Returns tone, gate and words of an event that a viewer wants to hear of.
fn told(event: &EventDoc) -> Option<(Tone, String, String)> {
    let body = &event.body;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let gate = text(&body["gate"]);
    match event.kind.as_str() {
        "opened" => Some((Tone::Plain, String::new(), text(&body["title"]))),
        "claimed" => {
            let who =
                format!("{} takes it, through {}", text(&body["role"]), text(&body["runtime"]));
            Some((Tone::Live, gate, who))
        }
        "packet_sealed" if body["packet"]["status"] == "refuted" => {
            Some((Tone::Bad, gate, "refuted: the claim does not hold when it is run again".into()))
        }
        "judged" => judged(gate, &body["signoff"]),
        "sent_back" => {
            let findings = body["findings"].as_array().map_or(0, Vec::len);
            let to = text(&body["to"]).replace('_', " ");
            let first = finding(&body["findings"][0]);
            let more =
                if findings > 1 { format!(" and {} more", findings - 1) } else { String::new() };
            Some((Tone::Warn, text(&body["from"]), format!("back to {to}: {first}{more}")))
        }
        "attempt_ended" => {
            let class = text(&body["end"]["class"]);
            if matches!(class.as_str(), "reported" | "asked" | "stopped") {
                return None;
            }
            let signal = body["end"]["death"]["signal"].as_str();
            let how = signal.map_or(class.replace('_', " "), |signal| format!("died of {signal}"));
            Some((
                Tone::Bad,
                gate,
                format!("attempt {}: {how}; it is tried again", text(&body["attempt"])),
            ))
        }
        "blocker_ended" => Some((
            Tone::Plain,
            String::new(),
            format!("{} has ended; it can start", text(&body["blocker"])),
        )),
        "blocked" => Some((Tone::Bad, gate, format!("blocked: {}", text(&body["text"])))),
        "landed" => {
            let commit = text(&body["commit"]);
            let short = commit.get(..7).unwrap_or(&commit);
            Some((Tone::Good, String::new(), format!("landed as {short} on main")))
        }
        "finished" => Some((Tone::Good, String::new(), "done".into())),
        _ => None,
    }
}

fn judged(gate: String, signoff: &Value) -> Option<(Tone, String, String)> {
    let who = signoff["principal"].as_str().unwrap_or_default();
    match signoff["verdict"].as_str()? {
        "pass" if who == "controller" => None,
        "pass" => Some((Tone::Good, gate, format!("signed off by {who}"))),
        "changes" => Some((Tone::Warn, gate, format!("{who} asks for changes"))),
        other => Some((Tone::Bad, gate, format!("{who} says {other}"))),
    }
}

/// Returns one finding, given as number and content.
fn finding(entry: &Value) -> String {
    let what = &entry[1];
    let text = what["text"].as_str().unwrap_or_default();
    match (what["file"].as_str(), what["line"].as_u64()) {
        (Some(file), Some(line)) => format!("{file}:{line} {text}"),
        (Some(file), None) => format!("{file} {text}"),
        (None, _) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, body: Value) -> EventDoc {
        serde_json::from_value(json!({
            "seq": 1, "at": "2026-01-01T00:00:00Z", "project": "HB", "ticket": "HB-3", "version": 4, "type": kind,
            "principal": "controller", "attempt": null, "epoch": null, "body": body, "prev": "", "hash": ""
        }))
        .expect("an event")
    }

    fn words(kind: &str, body: Value) -> Option<String> {
        told(&event(kind, body)).map(|(_, gate, text)| format!("{gate}|{text}"))
    }

    #[test]
    fn what_matters_is_told_and_the_rest_is_not() {
        let found = json!({"from": "qa_review", "to": "implementation", "by": "lane:qa/scripted-b",
            "findings": [["F-1", {"file": "web/app.js", "line": 12, "text": "markup"}]]});
        assert_eq!(
            words("sent_back", found).as_deref(),
            Some("qa_review|back to implementation: web/app.js:12 markup")
        );
        let death = json!({"attempt": "A-7", "record": 3, "end": {"class": "crashed", "death": {"signal": "SIGSEGV"}}});
        assert_eq!(
            words("attempt_ended", death).as_deref(),
            Some("|attempt A-7: died of SIGSEGV; it is tried again")
        );
        let landed = json!({"commit": "0123456789abcdef"});
        assert_eq!(words("landed", landed).as_deref(), Some("|landed as 0123456 on main"));
        let quiet =
            json!({"gate": "plan", "signoff": {"verdict": "pass", "principal": "controller"}});
        assert_eq!(words("judged", quiet), None);
        assert_eq!(words("evidence_added", json!({})), None);
    }
}
