//! Just enough of Rust's grammar to measure source: what is comment or text, what is test, where functions end.

/// `source` with the insides of comments, strings and character literals blanked; every line stays in its place.
pub(crate) fn code_only(source: &str) -> Vec<char> {
    let chars: Vec<char> = source.chars().collect();
    let mut code = chars.clone();
    let mut at = 0;
    while at < chars.len() {
        let end = text_end(&chars, at);
        for blank in code.iter_mut().take(end).skip(at) {
            if *blank != '\n' {
                *blank = ' ';
            }
        }
        at = end.max(at + 1);
    }
    code
}

/// Where the comment or literal that starts at `at` ends; `at` itself when none starts there.
fn text_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => find_char(chars, at, '\n'),
        '/' if next == Some('*') => block_comment_end(chars, at),
        '"' => string_end(chars, at),
        'r' if matches!(next, Some('"' | '#')) => raw_string_end(chars, at),
        '\'' if next == Some('\\') => find_char(chars, at + 3, '\'') + 1,
        '\'' if chars.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
    .min(chars.len())
}

fn find_char(chars: &[char], from: usize, wanted: char) -> usize {
    (from..chars.len()).find(|at| chars[*at] == wanted).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], start: usize) -> usize {
    let before =
        if start >= 1 && matches!(chars[start - 1], 'b' | 'c') { start - 1 } else { start };
    if before >= 1 && is_word(chars[before - 1]) {
        return start;
    }
    let hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return start; // a raw identifier such as `r#type`
    }
    let mut close = vec!['#'; hashes];
    close.insert(0, '"');
    (open + 1..chars.len())
        .find(|at| chars[*at..].starts_with(&close))
        .map_or(chars.len(), |at| at + close.len())
}

/// For every line of `code`, whether it belongs to an item behind `#[cfg(test)]`.
pub(crate) fn test_lines(code: &[char]) -> Vec<bool> {
    let mark: Vec<char> = "#[cfg(test)]".chars().collect();
    let mut lines = vec![false; code.split(|c| *c == '\n').count()];
    let mut at = 0;
    while at < code.len() {
        if code[at..].starts_with(&mark) {
            let end = item_end(code, at + mark.len());
            let (first, last) = (line_of(code, at), line_of(code, end));
            lines[first..=last].fill(true);
            at = end;
        }
        at += 1;
    }
    lines
}

/// A function and where it stands.
#[derive(Debug, PartialEq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// Its first line, counted from 1.
    pub(crate) line: usize,
    /// Lines from its signature to its closing brace.
    pub(crate) lines: usize,
}

/// The functions with a body in `code`, in order, nested ones included.
pub(crate) fn functions(code: &[char]) -> Vec<Function> {
    let mut found = Vec::new();
    for at in 0..code.len() {
        let starts_word = at == 0 || !is_word(code[at - 1]);
        if !(starts_word && code[at..].starts_with(&['f', 'n', ' '])) {
            continue;
        }
        let name: String = code[at + 3..].iter().take_while(|c| is_word(**c)).collect();
        let end = item_end(code, at);
        if !name.is_empty() && code.get(end) == Some(&'}') {
            let (first, last) = (line_of(code, at), line_of(code, end));
            found.push(Function { name, line: first + 1, lines: last - first + 1 });
        }
    }
    found
}

/// Where the item that starts at `from` ends: its `;`, or the brace that closes its body.
fn item_end(code: &[char], from: usize) -> usize {
    let (mut round, mut braces) = (0_i32, 0_i32);
    for (at, c) in code.iter().enumerate().skip(from) {
        match c {
            '(' | '[' => round += 1,
            ')' | ']' => round -= 1,
            '{' => braces += 1,
            '}' => braces -= 1,
            ';' if round == 0 && braces == 0 => return at,
            _ => continue,
        }
        if *c == '}' && braces == 0 && round == 0 {
            return at;
        }
    }
    code.len()
}

fn line_of(code: &[char], at: usize) -> usize {
    code[..at.min(code.len())].iter().filter(|c| **c == '\n').count()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> String {
        code_only(source).into_iter().collect()
    }

    #[test]
    fn braces_in_comments_strings_and_characters_do_not_count() {
        assert_eq!(
            code("a /* { /* } */ */ b // {\nc"),
            format!("a{}b{}\nc", " ".repeat(17), " ".repeat(5))
        );
        assert_eq!(code(r#"f("{\"}", '{', '\'', b"{")"#).replace(' ', ""), "f(,,,b)");
        assert_eq!(code("r##\"{\"# {\"## x").trim(), "x");
    }

    #[test]
    fn lifetimes_and_raw_identifiers_stay_code() {
        assert_eq!(code("fn r#type<'a>(x: &'a str)"), "fn r#type<'a>(x: &'a str)");
    }

    #[test]
    fn an_open_literal_at_the_end_of_a_file_is_no_panic() {
        for broken in ["\"", "'\\", "/*", "r#\"", "r", "'"] {
            assert_eq!(code_only(broken).len(), broken.chars().count());
        }
    }

    #[test]
    fn functions_are_measured_from_signature_to_closing_brace() {
        let found = functions(&code_only(
            "trait T { fn none(&self, x: [u8; 4]); }\nfn two(a: fn(u8)) {\n}\n",
        ));
        assert_eq!(found, [Function { name: "two".into(), line: 2, lines: 2 }]);
    }

    #[test]
    fn test_modules_and_test_only_items_are_told_apart() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod x;\nfn d() {}";
        assert_eq!(
            test_lines(&code_only(source)),
            [false, true, true, true, true, false, true, true, false]
        );
    }
}
