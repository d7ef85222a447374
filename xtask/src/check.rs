//! `cargo xtask check`: the rules of the house, each a pure function from the tree to what it found.

use anyhow::Result;

use crate::tree::Tree;

mod layers;
mod paths;
mod places;
mod sizes;

/// One thing that a rule found.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    /// A file, a file with line, or a package.
    place: String,
    /// What is wrong and what to do about it.
    text: String,
    /// Whether it fails the check; else it is only listed.
    fails: bool,
}

impl Finding {
    fn failure(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into(), fails: true }
    }

    fn warning(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into(), fails: false }
    }
}

/// A rule's name with its function.
type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

/// Every rule, in the order in which they report.
const RULES: &[Rule] = &[
    ("layers: dependency arrows point only downwards", layers::arrows),
    ("layers: each outside crate has one home", layers::homes),
    ("layers: domain touches no file, clock, process or network", layers::purity),
    ("sizes: files and functions", sizes::sizes),
    ("paths: what the documents name exists", paths::paths),
    ("places: no `mod.rs`", places::no_mod_rs),
    ("places: no path of one machine, no other package source", places::no_machine),
];

/// Reads the workspace and prints what each rule found; whether nothing failed.
pub(crate) fn run() -> Result<bool> {
    let tree = Tree::read()?;
    let mut failures = 0;
    for (name, rule) in RULES {
        let findings = rule(&tree);
        let failed = findings.iter().filter(|finding| finding.fails).count();
        failures += failed;
        println!("{} {name}", if failed > 0 { "FAIL" } else { "ok  " });
        for Finding { place, text, fails } in &findings {
            println!("     {} {place}: {text}", if *fails { "fail" } else { "warn" });
        }
    }
    if failures > 0 {
        println!("{failures} failures in {} files", tree.files.len());
    }
    Ok(failures == 0)
}
