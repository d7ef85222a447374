//! Answers what an agent asks leave for, from what its launch permits. A first line: what really holds a lane is the sandbox.

use std::path::{Component, Path, PathBuf};

use crate::agent::{Deed, Leave, Permits};

/// Programs that only run the command after them.
const CARRIERS: [&str; 8] = ["sudo", "doas", "env", "command", "exec", "nohup", "time", "nice"];

/// Options of git that take the next word.
const GIT_WITH_VALUE: [&str; 3] = ["-C", "-c", "--git-dir"];

/// How deep shells in shells are looked into.
const DEPTH: u32 = 4;

/// Returns the answer. `inside` are the folders that the lane may change.
pub(crate) fn answer(permits: &Permits, inside: &[PathBuf], deed: &Deed) -> Leave {
    let refused = |why: String| Leave::Refused { why };
    match deed {
        Deed::Command { line, .. } => match guarded(&permits.guard, line) {
            None => Leave::Given,
            Some(rule) => refused(format!(
                "`{rule}` needs a person here, and was not run. Ask for it with `mission report approval -- COMMAND` (or the tool `request_approval`): once a person permits it Mission Control runs it, and a message tells you"
            )),
        },
        Deed::Edit { paths } if paths.is_empty() => {
            refused("it is not told which files would change; change them with a command".into())
        }
        Deed::Edit { paths } => match paths.iter().find(|path| !is_inside(inside, path)) {
            None => Leave::Given,
            Some(path) => refused(format!(
                "`{}` is outside of your workspace, and was not changed. Work in `{}`",
                path.display(),
                inside.first().map_or_else(String::new, |it| it.display().to_string())
            )),
        },
        Deed::Tool { .. } => Leave::Given,
        Deed::Question { .. } => refused(
            "nobody watches this turn. Ask with `mission report question --summary TEXT` (or the tool `ask`), then end your turn: the answer starts the next one".into(),
        ),
    }
}

/// A path that is not absolute is taken from the first folder.
fn is_inside(inside: &[PathBuf], path: &Path) -> bool {
    let Some(home) = inside.first() else { return false };
    let mut whole = PathBuf::new();
    for part in home.join(path).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::CurDir => {}
            part @ (Component::Prefix(_) | Component::RootDir | Component::Normal(_)) => {
                whole.push(part);
            }
        }
    }
    inside.iter().any(|folder| whole.starts_with(folder))
}

/// Returns the rule that `line` falls under, in words.
fn guarded(rules: &[Vec<String>], line: &str) -> Option<String> {
    let commands = commands(line, 0);
    let hits = |rule: &&Vec<String>| {
        !rule.is_empty() && commands.iter().any(|words| words.starts_with(rule))
    };
    rules.iter().find(hits).map(|rule| rule.join(" "))
}

/// Returns the simple commands of a shell line, carriers and settings of variables taken off.
fn commands(line: &str, depth: u32) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for words in simple(line) {
        let words = plain(words);
        let is_shell =
            words.first().is_some_and(|it| ["sh", "bash", "zsh", "dash"].contains(&it.as_str()));
        let inner = words.iter().position(|it| it.starts_with('-') && it.ends_with('c'));
        match inner.and_then(|at| words.get(at + 1)).filter(|_| is_shell && depth < DEPTH) {
            Some(inner) => found.extend(commands(inner, depth + 1)),
            None => found.push(words),
        }
    }
    found
}

/// Takes off what stands before a command, and git's options before its verb.
fn plain(words: Vec<String>) -> Vec<String> {
    let is_setting = |word: &str| {
        word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
        })
    };
    let mut rest = words.into_iter().peekable();
    while let Some(word) = rest.peek() {
        let is_carrier = CARRIERS.contains(&base(word));
        if !is_carrier && !is_setting(word) {
            break;
        }
        rest.next();
        // Options of a carrier are passed over; one with a value of its own hides nothing that the sandbox would let through.
        while is_carrier && rest.peek().is_some_and(|it| it.starts_with('-')) {
            rest.next();
        }
    }
    let mut words: Vec<String> = rest.collect();
    if let Some(program) = words.first_mut() {
        *program = base(program).to_owned();
    }
    if words.first().is_some_and(|it| it == "git") {
        while words.get(1).is_some_and(|it| it.starts_with('-')) {
            let has_value = GIT_WITH_VALUE.contains(&words[1].as_str());
            words.drain(1..if has_value { 3.min(words.len()) } else { 2 });
        }
    }
    words
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Splits a shell line into the words of its simple commands. Quotes are heeded; what stands in `$(…)` or back quotes counts too.
fn simple(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words) = (Vec::new(), Vec::new());
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(c),
            (_, '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ';' | '&' | '|' | '\n' | '(' | ')' | '{' | '}') | (_, '`') => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (Some('"'), '(') if word.as_deref().is_some_and(|it| it.ends_with('$')) => {
                words.extend(word.take());
                all.push(std::mem::take(&mut words));
                quote = None;
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    all.push(words);
    all.retain(|words| !words.is_empty());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits() -> Permits {
        let rule = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
        let guard = vec![rule(&["git", "push"]), rule(&["docker"]), rule(&["terraform", "apply"])];
        Permits { may_write: true, guard }
    }

    fn may_run(line: &str) -> bool {
        let deed = Deed::Command { line: line.into(), cwd: None };
        answer(&permits(), &["/ws".into()], &deed) == Leave::Given
    }

    #[test]
    fn a_guarded_command_is_found_wherever_it_stands_in_the_line() {
        let lines = [
            "git push",
            "git push origin main",
            "cargo test && git push",
            "/bin/bash -lc 'cargo test && git push'",
            "GIT_SSH=x /usr/bin/git -C ../else --no-pager push",
            "sudo -n docker ps",
            "true; (docker run x)",
            "echo $(docker ps)",
            "echo \"$(docker ps)\"",
            "echo `docker ps`",
            "sh -c \"sh -c 'terraform apply'\"",
            "yes | terraform apply",
            "env A=b nohup docker ps &",
            "g\\it push",
        ];
        for line in lines {
            assert!(!may_run(line), "{line}");
        }
    }

    #[test]
    fn words_that_only_look_like_it_are_free() {
        let lines = [
            "git commit -m 'git push'",
            "git pull",
            "echo docker",
            "grep -r 'terraform apply' .",
            "cat git push.txt",
            "",
        ];
        for line in lines {
            assert!(may_run(line), "{line}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do_instead() {
        let deed = Deed::Command { line: "git push".into(), cwd: None };
        let Leave::Refused { why } = answer(&permits(), &["/ws".into()], &deed) else {
            panic!("it was allowed")
        };
        assert!(
            why.contains("`git push` needs a person") && why.contains("report approval"),
            "{why}"
        );
    }

    #[test]
    fn files_are_changed_inside_the_lanes_folders_only() {
        let inside = [PathBuf::from("/ws"), PathBuf::from("/lanes/A-1")];
        let may = |path: &str| {
            let deed = Deed::Edit { paths: vec![path.into()] };
            answer(&permits(), &inside, &deed) == Leave::Given
        };
        assert!(may("/ws/src/main.rs") && may("src/main.rs") && may("/lanes/A-1/tmp/plan.md"));
        for path in ["/etc/passwd", "../else", "/ws/../etc/x", "/wsx/y"] {
            assert!(!may(path), "{path}");
        }
        assert!(answer(&permits(), &inside, &Deed::Edit { paths: vec![] }) != Leave::Given);
    }

    #[test]
    fn a_question_in_mid_turn_is_sent_the_way_that_reaches_a_person() {
        let asked = answer(&permits(), &[], &Deed::Question { text: "which?".into() });
        assert!(matches!(asked, Leave::Refused { why } if why.contains("report question")));
    }
}
