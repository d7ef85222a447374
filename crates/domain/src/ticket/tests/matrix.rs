//! Every command in every state, as one table to be read: what is granted, what follows, and which rule says no.

use super::fixture::{Life, lane, person};
use super::matrix_rows::{commands, situations};
use crate::principal::Principal;
use crate::ticket::{Command, Event, Rejection};

/// Returns who asks for `command` in an ordinary life.
fn usual(life: &Life, command: &Command) -> Principal {
    match command {
        Command::Record { .. } => life.speaker(command),
        Command::Claim { .. }
        | Command::BeginApproved { .. }
        | Command::EndApproved { .. }
        | Command::LoseApproved { .. }
        | Command::ExpireApproval { .. }
        | Command::KeepRecording { .. }
        | Command::EndAttempt { .. }
        | Command::MakeWorkspace { .. }
        | Command::RemoveWorkspace { .. }
        | Command::ObserveHead { .. }
        | Command::Credit { .. }
        | Command::Seal { .. }
        | Command::Check { .. }
        | Command::FailToRun { .. }
        | Command::HandOver { .. }
        | Command::RecordLanding { .. }
        | Command::MoveBase { .. }
        | Command::BlockLanding { .. }
        | Command::Release { .. }
        | Command::Wake
        | Command::EndChild { .. }
        | Command::Correct { .. }
        | Command::Finish
        | Command::GiveUpMessages { .. } => Principal::Controller,
        Command::Approve { .. }
        | Command::Deny { .. }
        | Command::Edit { .. }
        | Command::Park
        | Command::Unpark
        | Command::Cancel { .. }
        | Command::Supersede { .. }
        | Command::Reopen
        | Command::Retry { .. }
        | Command::TakeOver { .. }
        | Command::GiveBack { .. }
        | Command::Comment { .. }
        | Command::Judge { .. }
        | Command::Withdraw { .. }
        | Command::Answer { .. }
        | Command::Say { .. }
        | Command::WithdrawMessage { .. }
        | Command::AddChild { .. }
        | Command::ReopenChild { .. } => person("bob"),
    }
}

/// Returns what came of it: the state and the names of the events, or the rule that refused.
fn outcome(life: &Life, answer: &Result<Vec<Event>, Rejection>) -> String {
    match answer {
        Err(no) => format!("no: {}", no.code()),
        Ok(events) if events.is_empty() => "nothing".into(),
        Ok(events) => {
            let name = |it: &Event| {
                let told = format!("{it:?}");
                let end = told.find([' ', '(', '{']).unwrap_or(told.len());
                told[..end].to_owned()
            };
            let names: Vec<_> = events.iter().map(name).collect();
            let situation = life.ticket.situation();
            format!("{}({})  [{}]", situation.state, situation.code, names.join(" "))
        }
    }
}

#[test]
fn every_command_in_every_state() {
    let mut table = String::new();
    for (name, situation) in situations() {
        let is = situation.ticket.situation();
        table.push_str(&format!("# {name}: {}({}), next: {}\n", is.state, is.code, is.next));
        for (what, command) in commands(&situation) {
            let mut life = situation.clone();
            life.passes(1);
            let by = usual(&life, &command);
            let answer = life.ask(&by, command);
            table.push_str(&format!("{:<34}→ {}\n", what, outcome(&life, &answer)));
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}

/// Who may ask for what, wherever the ticket is: a command of the controller's is nobody else's, and lanes edit nothing.
#[test]
fn every_command_knows_its_doors() {
    for (name, situation) in situations() {
        for (what, command) in commands(&situation) {
            let mut life = situation.clone();
            life.passes(1);
            let is_records = matches!(command, Command::Record { .. });
            let ask = |by: &Principal| life.clone().ask(by, command.clone());
            let by_lane = ask(&lane("coder", "codex"));
            let has_effect = by_lane.is_ok_and(|events| !events.is_empty());
            assert!(is_records || !has_effect, "a lane may `{what}` in {name}");
            life.demo = false;
            let scripted = life.ask(&Principal::Scripted, command.clone());
            assert_eq!(scripted, Err(Rejection::NoScriptHere), "`{what}` in {name}");
        }
    }
}
