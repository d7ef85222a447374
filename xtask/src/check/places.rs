//! What no file of the repository may be called or contain.

use super::Finding;
use crate::tree::Tree;

/// Folders that exist on one machine only. Spelled in two halves so that this file passes its own rule.
const MACHINE_FOLDERS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// Words that point a package manager at another source than its public one.
const OTHER_SOURCES: &[&str] =
    &[concat!("replace", "-with"), concat!("index", "-url"), concat!("npm_config_", "registry")];

/// The one place from which crates come, and the prefixes that announce one.
const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";
const SOURCE_PREFIXES: &[&str] = &[concat!("registry", "+"), concat!("sparse", "+")];

/// Finds modules in the old `mod.rs` style.
pub(super) fn no_mod_rs(tree: &Tree) -> Vec<Finding> {
    let is_old = |path: &&str| *path == "mod.rs" || path.ends_with("/mod.rs");
    let say =
        |path| Finding::failure(path, "is named after nothing: use `folder.rs` beside `folder/`");
    tree.rust().map(|(path, _)| path).filter(is_old).map(say).collect()
}

/// Finds paths of one machine and package sources other than the public ones.
pub(super) fn no_machine(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in &tree.files {
        for (number, line) in text.lines().enumerate() {
            let place = || format!("{path}:{}", number + 1);
            for folder in MACHINE_FOLDERS.iter().filter(|folder| names_folder(line, folder)) {
                found.push(Finding::failure(
                    place(),
                    format!("names `{folder}`, which exists on one machine only"),
                ));
            }
            if has_other_source(line) {
                found.push(Finding::failure(
                    place(),
                    "names a package source other than the public one",
                ));
            }
        }
    }
    found
}

/// Whether `folder` stands in `line` as the start of an absolute path.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "._-)}>*~$".contains(c)))
    })
}

fn has_other_source(line: &str) -> bool {
    let announced = SOURCE_PREFIXES.iter().any(|prefix| {
        line.match_indices(prefix).any(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            rest.starts_with("http") && !rest.starts_with(CRATES_IO)
        })
    });
    announced || OTHER_SOURCES.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_in(line: &str) -> usize {
        no_machine(&Tree::of(&[("a.toml", line)])).len()
    }

    #[test]
    fn a_mod_rs_fails() {
        assert_eq!(no_mod_rs(&Tree::of(&[("crates/store/src/sqlite/mod.rs", "")])).len(), 1);
        assert_eq!(no_mod_rs(&Tree::of(&[("crates/store/src/sqlite.rs", "")])), []);
    }

    #[test]
    fn a_path_of_one_machine_fails() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(found_in(&format!("path = \"{folder}main\"")), 1, "{folder}");
            assert_eq!(found_in(&format!("target{folder}x")), 0, "a relative path is none");
        }
    }

    #[test]
    fn another_package_source_fails() {
        for prefix in SOURCE_PREFIXES {
            assert_eq!(found_in(&format!("source = \"{prefix}https://mirror.example/index\"")), 1);
            assert_eq!(found_in(&format!("source = \"{prefix}{CRATES_IO}\"")), 0);
        }
        assert_eq!(found_in(&format!("{} = \"mirror\"", OTHER_SOURCES[0])), 1);
    }
}
