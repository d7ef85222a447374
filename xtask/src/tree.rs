//! The workspace as the rules see it: the text of its files and cargo's list of packages. Reads, never writes.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// The files that are, or on the next `git add .` would be, in the repository.
pub(crate) struct Tree {
    /// Text by path relative to the root; a binary file is here with an empty text.
    pub(crate) files: BTreeMap<String, String>,
    /// What `cargo metadata --no-deps` prints.
    pub(crate) metadata: Value,
}

impl Tree {
    /// Reads the workspace from disk; fails when git or cargo cannot describe it.
    pub(crate) fn read() -> Result<Self> {
        let listed = process::output(process::command("git").args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let root = process::root();
        let mut files = BTreeMap::new();
        for path in listed.split('\0').filter(|path| !path.is_empty()) {
            // A tracked file may be deleted in the working copy: then there is nothing to judge.
            if let Ok(bytes) = std::fs::read(root.join(path)) {
                let text = if bytes.contains(&0) {
                    String::new()
                } else {
                    String::from_utf8_lossy(&bytes).into()
                };
                files.insert(path.to_owned(), text);
            }
        }
        let metadata = process::output(process::cargo().args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ]))?;
        let metadata =
            serde_json::from_str(&metadata).context("`cargo metadata` did not print JSON")?;
        Ok(Self { files, metadata })
    }

    /// Whether `path` is a file of the workspace or a folder that holds one.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    /// The Rust files with their text.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

#[cfg(test)]
impl Tree {
    /// A workspace made of these files and no packages.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files =
            files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        Self { files, metadata: serde_json::json!({ "packages": [] }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_can_be_read() {
        let tree = Tree::read().expect("git and cargo are here");
        assert!(tree.has("xtask/src/tree.rs"));
        assert!(tree.has("crates/domain"));
        assert!(!tree.has("crates/dom"));
        assert!(tree.metadata["packages"].as_array().is_some_and(|packages| packages.len() > 5));
    }
}
