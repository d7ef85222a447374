//! How long files and functions are. Long ones are listed; only a file past the hard cap fails.

use super::Finding;
use crate::source;
use crate::tree::Tree;

/// Lines of production code from which a file is listed.
const LONG_FILE: usize = 500;
/// Lines of production code past which a file fails.
const FILE_CAP: usize = 800;
/// Lines from which a function is listed; clippy fails it at its own threshold.
const LONG_FUNCTION: usize = 60;

/// Lists files over 500 and functions over 60 lines of production code; a file over 800 fails.
pub(super) fn sizes(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, text) in tree.rust().filter(|(path, _)| !is_test(path)) {
        let code = source::code_only(text);
        let in_tests = source::test_lines(&code);
        let lines = text.lines().zip(&in_tests).filter(|(_, is_test)| !**is_test).count();
        if lines > FILE_CAP {
            found.push(Finding::failure(
                path,
                format!("{lines} lines of production code, at most {FILE_CAP}: split it"),
            ));
        } else if lines > LONG_FILE {
            found.push(Finding::warning(path, format!("{lines} lines of production code")));
        }
        for function in source::functions(&code) {
            if function.lines > LONG_FUNCTION && !in_tests[function.line - 1] {
                let place = format!("{path}:{}", function.line);
                found.push(Finding::warning(
                    place,
                    format!("`{}` has {} lines", function.name, function.lines),
                ));
            }
        }
    }
    found
}

fn is_test(path: &str) -> bool {
    path.split('/').any(|part| part == "tests" || part == "tests.rs") || path.ends_with("_tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> Vec<Finding> {
        sizes(&Tree::of(&[(path, text)]))
    }

    #[test]
    fn a_file_past_the_cap_fails_and_a_long_one_is_listed() {
        assert!(file("a.rs", &"x;\n".repeat(801))[0].fails);
        assert!(!file("a.rs", &"x;\n".repeat(501))[0].fails);
        assert_eq!(file("a.rs", &"x;\n".repeat(500)), []);
    }

    #[test]
    fn tests_do_not_count() {
        let inline =
            format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "x();\n".repeat(900));
        assert_eq!(file("a.rs", &inline), []);
        assert_eq!(file("crates/store/tests/contract.rs", &"x;\n".repeat(900)), []);
        assert_eq!(file("crates/domain/src/ticket/tests.rs", &"x;\n".repeat(900)), []);
    }

    #[test]
    fn a_long_function_is_listed_with_its_line() {
        let found = file("a.rs", &format!("\nfn long() {{\n{}}}\n", "x();\n".repeat(60)));
        assert_eq!(found, [Finding::warning("a.rs:2", "`long` has 62 lines")]);
    }
}
