//! What holds for every command.

use clap::CommandFactory as _;

use super::*;
use crate::failure::Exit;

fn each(command: &clap::Command, path: &str, look: &mut dyn FnMut(&clap::Command, &str)) {
    look(command, path);
    for inner in command.get_subcommands() {
        each(inner, &format!("{path} {}", inner.get_name()), look);
    }
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_commands_help_has_an_example() {
    let mut count = 0;
    each(&Cli::command(), "mission", &mut |command, path| {
        count += 1;
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Example"), "`{path}` has no example");
        assert!(help.contains(path), "the example of `{path}` shows another command: {help}");
        assert!(command.get_about().is_some(), "`{path}` does not say what it does");
    });
    assert!(count > 80, "{count} commands");
}

#[test]
fn every_example_can_be_typed() {
    each(&Cli::command(), "mission", &mut |command, path| {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines().filter_map(|it| it.trim().strip_prefix("mission ")) {
            let line = line.split(" < ").next().unwrap_or(line);
            let line = line.split(" > ").next().unwrap_or(line);
            let line = line.split("   ").next().unwrap_or(line);
            let words = words(line);
            let parsed = parsed(&words);
            assert!(parsed.is_ok(), "`{path}`: {:?}", parsed.err());
        }
    });
}

#[test]
fn a_text_may_begin_with_a_dash_and_a_slip_is_no_text() {
    let lines: [&[&str]; 14] = [
        &["report", "done", "--summary"],
        &["report", "question", "--summary"],
        &["report", "verdict", "pass", "--reason"],
        &["report", "verdict", "changes", "--reason", "r", "--finding"],
        &["report", "evidence", "risk"],
        &["report", "answer", "F-1", "fixed"],
        &["ticket", "comment", "MC-1"],
        &["ticket", "cancel", "MC-1", "--reason"],
        &["ticket", "new", "t", "--body"],
        &["ticket", "new"],
        &["answer", "MC-1"],
        &["say", "MC-1", "--to", "qa"],
        &["gate", "changes", "MC-1", "--reason"],
        &["gate", "changes", "MC-1", "--reason", "r", "--finding"],
    ];
    let typed = |line: &[&str], text: &str| {
        let words = ["mission"].iter().chain(line).chain([&text]).map(OsString::from);
        parsed(&words.collect::<Vec<_>>())
    };
    for line in lines {
        for text in ["- one\n- two", "-", "-- a", "-5 %", "-h is what it took", "--json breaks it"]
        {
            assert!(typed(line, text).is_ok(), "{line:?} {text:?}: {:?}", typed(line, text).err());
        }
        for slip in ["--jsno", "-x"] {
            let refused = typed(line, slip).err().unwrap_or_else(|| panic!("{line:?} {slip}"));
            assert!(refused.to_string().contains(slip), "{refused}");
        }
    }
}

/// Splits a line as a shell does, as far as the examples need it.
fn words(line: &str) -> Vec<OsString> {
    let mut words = vec![OsString::from("mission")];
    for (n, part) in line.split('\'').enumerate() {
        if n % 2 == 1 {
            words.push(part.into());
        } else {
            words.extend(part.split_whitespace().map(OsString::from));
        }
    }
    words
}

#[test]
fn what_is_not_built_says_so_and_is_refused() {
    let failure = not_built("top", "do this").expect_err("refused");
    assert_eq!(failure.exit, Exit::Refused);
    assert!(failure.text.contains("not built yet"));
}
