//! Which changed files decide about the change itself: rules, instructions, and what the project's commands are made of.

use std::collections::BTreeSet;

use mission_domain::rules::Rules;
use mission_evidence::git::changes::ChangedFile;

/// Files by name that say what a program in a check does.
const DEFINITIONS: [(&[&str], &[&str]); 5] = [
    (&["npm", "npx", "pnpm", "yarn", "bun"], &["package.json"]),
    (&["make", "gmake"], &["Makefile", "makefile", "GNUmakefile"]),
    (&["just"], &["justfile", "Justfile", ".justfile"]),
    (&["cargo"], &["config.toml", "nextest.toml", "rust-toolchain.toml", "rust-toolchain"]),
    (
        &["pytest", "tox", "python", "python3", "nox"],
        &["pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", "conftest.py", "noxfile.py"],
    ),
];

/// Returns those of `files` that the rules of the project, or the commands in them, name.
pub(crate) fn touched(rules: &Rules, files: &[ChangedFile]) -> Vec<String> {
    let paths = files.iter().flat_map(|it| it.old_path.iter().chain([&it.path]));
    let paths: BTreeSet<&str> = paths.map(String::as_str).collect();
    let lines = lines(rules);
    let words: Vec<Word> = lines.iter().flat_map(|it| words(it)).map(Word::of).collect();
    let is_rule = |path: &&&str| {
        rules.holds_rules(path) || words.iter().any(|it| it.names(path)) || defines(path, &words)
    };
    paths.iter().filter(is_rule).map(|it| (*it).to_owned()).collect()
}

/// Every command line that the project's rules have run.
fn lines(rules: &Rules) -> Vec<&str> {
    let mut all: Vec<&str> = rules.checks.iter().map(|it| it.run.as_str()).collect();
    all.extend([rules.setup.after_create.as_str(), rules.setup.before_run.as_str()]);
    all.extend(rules.preview.iter().map(|it| it.command.as_str()));
    all
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| c.is_whitespace() || "'\"`;&|()<>=".contains(c);
    line.split(ends).filter(|it| !it.is_empty())
}

/// A word of a command line, as the end of the path of a file that it may mean.
///
/// Where the command stands when it comes to the word is not known (`cd ci && sh test.sh`), so that every file whose path ends
/// with it is meant: one asked of a person too often rather than one too few.
struct Word {
    end: String,
    glob: Option<globset::GlobMatcher>,
}

impl Word {
    fn of(word: &str) -> Self {
        let mut parts: Vec<&str> = Vec::new();
        for part in word.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                // `$PWD/ci/test.sh`: what the variable holds is not known.
                part if part.starts_with('$') => parts.clear(),
                part => parts.push(part),
            }
        }
        let end = parts.join("/");
        // `ls *` names everything, and nothing in particular.
        let is_bare = parts.last().is_none_or(|it| it.trim_matches('*').is_empty());
        let is_pattern = end.contains(['*', '?', '[', '{']) && !is_bare;
        let glob = is_pattern.then(|| globset::Glob::new(&format!("**/{end}")).ok()).flatten();
        Self { end, glob: glob.map(|it| it.compile_matcher()) }
    }

    fn names(&self, path: &str) -> bool {
        let before = path.strip_suffix(self.end.as_str());
        let is_end = before.is_some_and(|it| it.is_empty() || it.ends_with('/'));
        !self.end.is_empty() && is_end || self.glob.as_ref().is_some_and(|it| it.is_match(path))
    }
}

fn defines(path: &str, words: &[Word]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    DEFINITIONS.iter().any(|(programs, files)| {
        files.contains(&name) && words.iter().any(|it| programs.contains(&it.end.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use mission_domain::config::{self, Found, Source};
    use mission_evidence::git::changes::FileStatus;

    use super::*;

    fn among(text: &str, paths: &[&str]) -> Vec<String> {
        let source = Source { name: "mission.toml", text };
        let found = Found { default_branch: None, programs: Vec::new(), checks: Vec::new() };
        let rules = config::rules("demo", None, Some(source), &found).expect("rules");
        let file = |path: &&str| ChangedFile {
            path: (*path).into(),
            old_path: None,
            status: FileStatus::Modified,
            added: 1,
            removed: 1,
            binary: false,
            mode: None,
            old_mode: None,
            target: None,
            old_target: None,
        };
        touched(&rules, &paths.iter().map(file).collect::<Vec<_>>())
    }

    #[test]
    fn rules_scripts_of_checks_and_what_their_programs_read_are_named() {
        let text = "[project]\nchecks = [\"./ci/test.sh --fast\", \"npm test\"]\n\
                    [role.coder]\ninstructions = \"./roles/coder.md\"\n";
        let paths =
            ["src/a.js", "ci/test.sh", "web/package.json", "roles/coder.md", "mission.toml"];
        let expected = ["ci/test.sh", "mission.toml", "roles/coder.md", "web/package.json"];
        assert_eq!(among(text, &paths), expected);
    }

    #[test]
    fn a_script_is_found_however_a_command_comes_to_it() {
        for run in [
            "cd ci && sh test.sh",
            "sh ci/../ci//test.sh",
            "sh ./ci/./test.sh",
            "sh \"$PWD/ci/test.sh\"",
            "for it in ci/*.sh; do sh $it; done",
            "(cd src/.. && exec ci/test.sh)",
        ] {
            let text = format!("[project]\nchecks = [{run:?}]\n");
            assert_eq!(among(&text, &["ci/test.sh", "src/a.rs"]), ["ci/test.sh"], "{run}");
        }
    }

    #[test]
    fn instructions_are_found_however_their_path_is_written() {
        let text = "[role.coder]\ninstructions = \".//roles/./x.md\"\n";
        assert_eq!(among(text, &["roles/x.md", "x.md"]), ["roles/x.md"]);
    }

    #[test]
    fn ordinary_work_is_not() {
        let text = "[project]\nchecks = [\"cargo test\"]\n";
        assert_eq!(among(text, &["src/main.rs", "package.json", "docs/mission.toml.md"]), [""; 0]);
    }

    #[test]
    fn a_rule_that_was_moved_away_is_named_too() {
        let source = Source { name: "mission.toml", text: "" };
        let found = Found { default_branch: None, programs: Vec::new(), checks: Vec::new() };
        let rules = config::rules("demo", None, Some(source), &found).expect("rules");
        let moved = ChangedFile {
            path: "old.toml".into(),
            old_path: Some("mission.toml".into()),
            status: FileStatus::Renamed,
            added: 0,
            removed: 0,
            binary: false,
            mode: None,
            old_mode: None,
            target: None,
            old_target: None,
        };
        assert_eq!(touched(&rules, &[moved]), ["mission.toml"]);
    }
}
