//! Which crate may depend on which, and what the pure crate may not touch.

use serde_json::Value;

use super::Finding;
use crate::source;
use crate::tree::Tree;

const GROUND: &[&str] = &["mission-domain", "mission-sandbox"];
const MIDDLE: &[&str] =
    &["mission-domain", "mission-sandbox", "mission-store", "mission-runtime", "mission-evidence"];

/// Each crate with the crates of this workspace that it may use; `None` means any. A crate that is not
/// listed fails, so that a new one gets its layer here first.
const ARROWS: &[(&str, Option<&[&str]>)] = &[
    ("mission-domain", Some(&[])),
    ("mission-sandbox", Some(&[])),
    ("mission-store", Some(GROUND)),
    ("mission-runtime", Some(GROUND)),
    ("mission-evidence", Some(GROUND)),
    ("mission-control", Some(MIDDLE)),
    (
        "mission-server",
        Some(&[MIDDLE[0], MIDDLE[1], MIDDLE[2], MIDDLE[3], MIDDLE[4], "mission-control"]),
    ),
    ("mission-testkit", Some(&["mission-domain"])),
    ("mission", None),
    ("xtask", Some(&[])),
];

/// Crates from outside that belong to one layer, with the only crates that may use them.
const HOMES: &[(&str, &[&str])] = &[
    ("sqlx", &["mission-store"]),
    ("landlock", &["mission-sandbox"]),
    ("maud", &["mission-server"]),
];

/// What `domain` may not depend on: whatever waits, stores, starts or draws lots.
const IMPURE: &[&str] =
    &["tokio", "async-trait", "futures", "sqlx", "nix", "libc", "axum", "hyper", "getrandom"];

/// Names of the standard library that `domain` may not use outside its tests. Addresses are data, sockets
/// are not.
const IMPURE_STD: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
];

/// One `[dependencies]` line of a package.
struct Arrow<'a> {
    package: &'a str,
    on: &'a str,
    is_for_tests: bool,
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn packages(metadata: &Value) -> &[Value] {
    metadata["packages"].as_array().map_or(&[], Vec::as_slice)
}

fn arrows_of(metadata: &Value) -> impl Iterator<Item = Arrow<'_>> {
    packages(metadata).iter().flat_map(|package| {
        let lines = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
        lines.iter().map(move |line| Arrow {
            package: text(package, "name"),
            on: text(line, "name"),
            is_for_tests: text(line, "kind") == "dev",
        })
    })
}

/// Finds crates without a layer and dependencies that point upwards or sideways. Tests above `domain` may
/// use `testkit`.
pub(super) fn arrows(tree: &Tree) -> Vec<Finding> {
    let layer = |name: &str| ARROWS.iter().find(|(known, _)| *known == name);
    let unknown = packages(&tree.metadata)
        .iter()
        .map(|package| text(package, "name"))
        .filter(|name| layer(name).is_none())
        .map(|name| {
            Finding::failure(name, "has no layer: add it to `ARROWS` in xtask/src/check/layers.rs")
        });
    let wrong =
        arrows_of(&tree.metadata).filter(|arrow| layer(arrow.on).is_some()).filter(|arrow| {
            let tests_may = arrow.is_for_tests
                && arrow.on == "mission-testkit"
                && !GROUND.contains(&arrow.package);
            let allowed = match layer(arrow.package) {
                Some((_, Some(allowed))) => allowed.contains(&arrow.on),
                Some((_, None)) | None => true,
            };
            // A crate's own tests may ask it for a feature.
            let is_itself = arrow.is_for_tests && arrow.on == arrow.package;
            !allowed && !tests_may && !is_itself
        });
    let wrong = wrong.map(|arrow| {
        Finding::failure(
            arrow.package,
            format!("may not depend on `{}`: arrows point only downwards", arrow.on),
        )
    });
    unknown.chain(wrong).collect()
}

/// Finds crates from outside that are used away from their home, or by `domain` at all.
pub(super) fn homes(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for arrow in arrows_of(&tree.metadata) {
        if let Some((_, homes)) = HOMES.iter().find(|(name, _)| *name == arrow.on)
            && !homes.contains(&arrow.package)
        {
            found.push(Finding::failure(
                arrow.package,
                format!("may not depend on `{}`: its home is `{}`", arrow.on, homes.join("`, `")),
            ));
        }
        if arrow.package == "mission-domain" && !arrow.is_for_tests && IMPURE.contains(&arrow.on) {
            found.push(Finding::failure(
                arrow.package,
                format!("is pure and may not depend on `{}`", arrow.on),
            ));
        }
    }
    found
}

/// Finds names of the standard library in `domain` that read or change the world.
pub(super) fn purity(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| path.starts_with("crates/domain/src/")) {
        let code = source::code_only(text);
        let in_tests = source::test_lines(&code);
        let code: String = code.into_iter().collect();
        for (number, line) in code.lines().enumerate().filter(|(number, _)| !in_tests[*number]) {
            for name in IMPURE_STD.iter().filter(|name| line.contains(**name)) {
                found.push(Finding::failure(
                    format!("{path}:{}", number + 1),
                    format!(
                        "`domain` is pure and may not name `{name}`: take the value as an argument"
                    ),
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn depends(package: &str, on: &str, kind: Option<&str>) -> Tree {
        let mut tree = Tree::of(&[]);
        tree.metadata = json!({"packages": [
            {"name": package, "dependencies": [{"name": on, "kind": kind}]}
        ]});
        tree
    }

    #[test]
    fn an_arrow_that_points_downwards_is_fine() {
        assert_eq!(arrows(&depends("mission-server", "mission-store", None)), []);
        assert_eq!(arrows(&depends("mission", "mission-testkit", None)), []);
    }

    #[test]
    fn an_arrow_that_points_upwards_or_sideways_fails() {
        for (package, on) in [
            ("mission-domain", "mission-store"),
            ("mission-store", "mission-evidence"),
            ("mission-runtime", "mission-control"),
            ("mission-sandbox", "mission-domain"),
            ("mission-testkit", "mission-store"),
            ("mission-server", "mission-testkit"),
        ] {
            assert_eq!(arrows(&depends(package, on, None)).len(), 1, "{package} on {on}");
        }
    }

    #[test]
    fn only_tests_above_the_ground_may_use_the_testkit() {
        assert_eq!(arrows(&depends("mission-control", "mission-testkit", Some("dev"))), []);
        assert_eq!(arrows(&depends("mission-domain", "mission-testkit", Some("dev"))).len(), 1);
    }

    #[test]
    fn a_crate_without_a_layer_fails() {
        assert_eq!(arrows(&depends("mission-new", "serde", None)).len(), 1);
    }

    #[test]
    fn sql_outside_the_store_fails() {
        assert_eq!(homes(&depends("mission-control", "sqlx", None)).len(), 1);
        assert_eq!(homes(&depends("mission-store", "sqlx", None)), []);
    }

    #[test]
    fn a_domain_that_waits_fails() {
        assert_eq!(homes(&depends("mission-domain", "tokio", None)).len(), 1);
        assert_eq!(homes(&depends("mission-domain", "tokio", Some("dev"))), []);
    }

    #[test]
    fn a_domain_that_reads_files_or_opens_sockets_fails_and_its_tests_may() {
        let file = "crates/domain/src/ticket.rs";
        let tree = Tree::of(&[(file, "// std::fs is only mentioned\nuse std::fs;\n")]);
        assert_eq!(purity(&tree).len(), 1);
        let tree = Tree::of(&[(file, "use std::net::{SocketAddr, TcpStream};\n")]);
        assert_eq!(purity(&tree).len(), 1);
        let tree = Tree::of(&[(file, "use std::net::SocketAddr;\n")]);
        assert_eq!(purity(&tree), []);
        let tree = Tree::of(&[(file, "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n")]);
        assert_eq!(purity(&tree), []);
    }
}
