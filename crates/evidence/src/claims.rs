//! What a claimed command line can prove at all: one whose exit code is 0 whatever happens proves nothing. Read by its
//! words alone; a script that always exits with 0 is not seen here but in the diff.

/// Commands that end with 0 whatever came before them.
const NEVER_FAIL: [&str; 4] = ["true", ":", "echo", "printf"];
/// Commands at the end of a pipe that hide how the first one ended.
const PASS_ON: [&str; 11] =
    ["tail", "head", "tee", "cat", "sort", "sed", "awk", "tr", "wc", "less", "ts"];
/// Shells whose `-c` holds another line.
const SHELLS: [&str; 5] = ["sh", "bash", "dash", "zsh", "ksh"];

/// Commands that run the one that follows their options, numbers and settings, and end as it does.
const CARRIERS: [&str; 10] =
    ["env", "exec", "command", "timeout", "nice", "ionice", "nohup", "setsid", "stdbuf", "time"];

/// How two commands of a line are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Then,
    And,
    Or,
    Pipe,
    Background,
}

/// Returns why the exit code of `line` is 0 whatever happens, if it is.
pub fn cannot_fail(line: &str) -> Option<String> {
    let commands = split(line);
    let (_, words) = commands.last()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let words = carried(&words);
    let before = commands.len().checked_sub(2).and_then(|at| commands.get(at));
    let shown = words.join(" ");
    match (before.map(|it| it.0), words) {
        // `command &` leaves an empty command behind it.
        (Some(Join::Background), []) => {
            Some("it is put into the background, and nobody waits for how it ends".into())
        }
        (Some(Join::Then), []) => cannot_fail(line.trim_end().trim_end_matches(';')),
        (_, []) => None,
        (Some(Join::Pipe), [first, ..])
            if PASS_ON.contains(first) && !line.contains("pipefail") =>
        {
            Some(format!("its exit code is that of `{shown}` at the end of the pipe"))
        }
        (_, ["!", rest @ ..]) => Some(format!("it succeeds when `{}` fails", rest.join(" "))),
        (_, ["fi"])
            if !commands.iter().any(|it| matches!(it.1.first(), Some(it) if it == "else")) =>
        {
            Some("its exit code is that of an `if`, which is 0 when the condition fails".into())
        }
        (_, ["wait"]) => Some("`wait` alone ends with 0 however what it waits for ended".into()),
        (_, [shell, flag, rest]) if is_shell(shell) && is_command_flag(flag) => cannot_fail(rest),
        (Some(Join::And), _) => None,
        (before, words) if never_fails(words) => Some(match before {
            Some(Join::Or) => format!("`|| {shown}` turns every failure into a success"),
            Some(_) | None => format!("its exit code is that of `{shown}`, which cannot fail"),
        }),
        (_, _) => None,
    }
}

/// Returns the command that is run, without settings before it and without what carries it.
fn carried<'a, 'b>(words: &'a [&'b str]) -> &'a [&'b str] {
    let settings = words.iter().take_while(|it| is_setting(it)).count();
    let words = words.get(settings..).unwrap_or_default();
    let Some((first, rest)) = words.split_first() else { return words };
    if !CARRIERS.contains(first) {
        return words;
    }
    let is_its_own =
        |it: &&&str| is_setting(it) || it.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let own = rest.iter().take_while(is_its_own).count();
    carried(rest.get(own..).unwrap_or_default())
}

fn is_shell(word: &str) -> bool {
    SHELLS.contains(&word.rsplit('/').next().unwrap_or(word))
}

fn is_command_flag(flag: &str) -> bool {
    flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with('c')
}

/// `NAME=value` before a command.
fn is_setting(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
    })
}

fn never_fails(words: &[&str]) -> bool {
    match words {
        ["exit" | "return", code] => *code == "0",
        [first, ..] => NEVER_FAIL.contains(first),
        [] => false,
    }
}

/// Splits a line into its commands, each with its words and what joins it to the next.
fn split(line: &str) -> Vec<(Join, Vec<String>)> {
    let mut all = Vec::new();
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if let Some(end) = quote {
            match c {
                c if c == end => quote = None,
                '\\' if end == '"' => word.get_or_insert_default().extend(chars.next()),
                c => word.get_or_insert_default().push(c),
            }
            continue;
        }
        let join = match c {
            '\'' | '"' => {
                quote = Some(c);
                word.get_or_insert_default();
                continue;
            }
            '\\' => {
                word.get_or_insert_default().extend(chars.next());
                continue;
            }
            ';' | '\n' => Join::Then,
            '&' if chars.next_if_eq(&'&').is_some() => Join::And,
            // `2>&1` and `&>file` are redirections.
            '&' if chars.peek() == Some(&'>')
                || word.as_ref().is_some_and(|it| it.ends_with('>')) =>
            {
                word.get_or_insert_default().push(c);
                continue;
            }
            '&' => Join::Background,
            '|' if chars.next_if_eq(&'|').is_some() => Join::Or,
            '|' => {
                chars.next_if_eq(&'&');
                Join::Pipe
            }
            c if c.is_whitespace() => {
                words.extend(word.take());
                continue;
            }
            c => {
                word.get_or_insert_default().push(c);
                continue;
            }
        };
        words.extend(word.take());
        all.push((join, std::mem::take(&mut words)));
    }
    words.extend(word);
    all.push((Join::Then, words));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_ends_with_success_whatever_happens_is_seen_through() {
        for line in [
            "true",
            ":",
            "echo all tests pass",
            "cargo test || true",
            "cargo test; exit 0",
            "cargo test ; true;",
            "cargo test\necho done",
            "npm test || echo failed",
            "cargo test 2>&1 | tail -5",
            "cargo test | tee log",
            "sh -c 'cargo test || :'",
            "/bin/bash -ec \"make; exit 0\"",
            "CI=1 true",
            "cargo test &",
            "env true",
            "timeout 1 true",
            "nice -n 5 env A=1 echo ok",
            "sh -c 'cargo test & wait'",
            "sh -c 'if cargo test; then :; fi'",
            "sh -c '! cargo test'",
            "! cargo test",
        ] {
            assert!(cannot_fail(line).is_some(), "{line}");
        }
    }

    #[test]
    fn an_honest_line_is_left_alone() {
        for line in [
            "cargo test",
            "cargo test && echo fine",
            "cargo build; cargo test",
            "npm test 2>&1",
            "set -o pipefail; cargo test | tail",
            "cat log | grep ok",
            "test \"a; true\" = \"$(cat x)\"",
            "sh -c 'exit 3'",
            "exit 1",
            "false || cargo test",
            "timeout 600 cargo test",
            "env CI=1 cargo test",
            "if [ -f x ]; then cargo test; else exit 1; fi",
            "cargo test & wait $!",
            "./check.sh",
            "",
        ] {
            assert_eq!(cannot_fail(line), None, "{line}");
        }
    }

    #[test]
    fn any_text_is_read() {
        for line in ["'", "\"\\", "a\\", "|||&&&;;;", "& &", "sh -c", "\u{0}é|"] {
            let _ = cannot_fail(line);
        }
    }
}
