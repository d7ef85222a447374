//! Takes secrets out of logs before they are kept: what looks like a well-known token, and the values of variables whose
//! names say that they are secret. A heuristic: what it does not know stays.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::bytes::{Captures, Regex};

/// A value shorter than this is left alone: masking every `1` would make a log unreadable and hide nothing.
const SHORTEST_VALUE: usize = 6;

/// Words in a variable's name that make its value a secret.
const SECRET_WORDS: [&str; 7] =
    ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "CREDENTIAL", "APIKEY", "PRIVATE"];

/// Well-known forms, each with what it is called in the log.
const FORMS: [(&str, &str); 15] = [
    ("GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{20,255}\b"),
    ("GitHub token", r"\bgithub_pat_[A-Za-z0-9_]{22,255}\b"),
    ("GitLab token", r"\bgl(?:pat|ptt|dt|rt|cbt|oas|soat)-[A-Za-z0-9_.-]{20,}"),
    ("AWS key", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    ("Google key", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("Stripe key", r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}\b"),
    ("API key", r"\bsk-(?:ant-|proj-|svcacct-|or-)?[A-Za-z0-9_-]{20,}"),
    ("npm token", r"\bnpm_[A-Za-z0-9]{36}\b"),
    ("PyPI token", r"\bpypi-[A-Za-z0-9_-]{50,}"),
    ("web token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    (
        "private key",
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----(?s:.*?)(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----|\z)",
    ),
    ("password", r"\b[a-z][a-z0-9+.-]*://[^\s/:@]*:([^\s/@]+)@"),
    // A name before the host is a token where the protocol asks for nothing else; `ssh://git@host` is a name.
    ("token", r"\bhttps?://([^\s/:@]{6,})@"),
    ("bearer token", r"(?i)\bauthorization:\s*(?:bearer|basic|token)\s+([A-Za-z0-9._~+/=-]{8,})"),
];

/// What is to be taken out.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    values: Vec<(String, Vec<u8>)>,
}

impl Mask {
    /// Takes out well-known forms, and the values that `env` gives to variables whose names say that they are secret.
    pub fn of(env: &BTreeMap<String, String>) -> Self {
        let is_secret =
            |(name, value): &(&String, &String)| says_secret(name) && value.len() >= SHORTEST_VALUE;
        let secrets = env.iter().filter(is_secret);
        let mut values: Vec<_> =
            secrets.map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
        // One value may hold another.
        values.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        Self { values }
    }

    /// Returns `log` with every secret replaced by what it was, and how many there were.
    pub fn apply(&self, log: &[u8]) -> (Vec<u8>, usize) {
        let (mut text, mut count) = (log.to_vec(), 0);
        for (name, value) in &self.values {
            let (masked, found) = replaced(&text, value, format!("[masked: {name}]").as_bytes());
            (text, count) = (masked, count + found);
        }
        for (form, (name, _)) in forms().iter().zip(FORMS) {
            text = form
                .replace_all(&text, |found: &Captures<'_>| {
                    count += 1;
                    around(found, name)
                })
                .into_owned();
        }
        text = assignment()
            .replace_all(&text, |found: &Captures<'_>| {
                let name = found.get(1).map_or(&b""[..], |it| it.as_bytes());
                if !says_secret(&String::from_utf8_lossy(name)) {
                    return found[0].to_vec();
                }
                count += 1;
                let value = (2..=4).find(|it| found.get(*it).is_some()).unwrap_or_default();
                around_group(found, value, &String::from_utf8_lossy(name))
            })
            .into_owned();
        (text, count)
    }
}

/// Returns whether a variable's name says that its value is secret: `GITHUB_TOKEN`, `db_password`, `SIGNING_KEY`.
fn says_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_key = name.ends_with("_KEY") || name == "KEY";
    is_key || SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn forms() -> &'static [Regex] {
    static ALL: OnceLock<Vec<Regex>> = OnceLock::new();
    ALL.get_or_init(|| {
        let form = |(_, form): &(&str, &str)| Regex::new(form).expect("the forms are tested");
        FORMS.iter().map(form).collect()
    })
}

/// `NAME=value` as `env` prints it, `NAME="a value"` as a shell takes it, or `"name": "value"`.
fn assignment() -> &'static Regex {
    static ONE: OnceLock<Regex> = OnceLock::new();
    let form = r#"(?m)\b([A-Za-z][A-Za-z0-9_-]{0,60})["']?\s?[=:]\s?(?:"([^"\n]{6,})"|'([^'\n]{6,})'|["']?([^\s"'\[,;]{6,}))"#;
    ONE.get_or_init(|| Regex::new(form).expect("the form is tested"))
}

/// Replaces the secret part of a form: its group where it has one, else all of it.
fn around(found: &Captures<'_>, name: &str) -> Vec<u8> {
    around_group(found, if found.len() > 1 { 1 } else { 0 }, name)
}

fn around_group(found: &Captures<'_>, group: usize, name: &str) -> Vec<u8> {
    let (Some(all), Some(part)) = (found.get(0), found.get(group)) else { return Vec::new() };
    let before = &all.as_bytes()[..part.start() - all.start()];
    let after = &all.as_bytes()[part.end() - all.start()..];
    [before, format!("[masked: {name}]").as_bytes(), after].concat()
}

fn replaced(text: &[u8], value: &[u8], with: &[u8]) -> (Vec<u8>, usize) {
    let (mut out, mut from, mut count) = (Vec::with_capacity(text.len()), 0, 0);
    let first = value.first().copied().unwrap_or_default();
    while let Some(at) = text[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if text[at..].starts_with(value) {
            out.extend_from_slice(&text[from..at]);
            out.extend_from_slice(with);
            (from, count) = (at + value.len(), count + 1);
        } else {
            out.extend_from_slice(&text[from..=at]);
            from = at + 1;
        }
    }
    out.extend_from_slice(&text[from..]);
    (out, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        let env = [("API_SECRET", "hunter2hunter2"), ("PATH", "/usr/bin"), ("X_KEY", "1")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        String::from_utf8(Mask::of(&env).apply(text.as_bytes()).0).expect("text")
    }

    #[test]
    fn the_values_of_secret_variables_are_taken_out_wherever_they_stand() {
        assert_eq!(masked("xhunter2hunter2y"), "x[masked: API_SECRET]y");
        assert_eq!(masked("/usr/bin 1"), "/usr/bin 1");
    }

    #[test]
    fn well_known_tokens_are_taken_out() {
        // Put together here, so that nobody's scanner takes this file for a leak.
        let long = "a1B2c3D4e5".repeat(6);
        for (token, name) in [
            (format!("ghp_{}", &long[..36]), "GitHub token"),
            (format!("github_pat_{}", &long[..40]), "GitHub token"),
            (format!("glpat-{}", &long[..20]), "GitLab token"),
            (format!("AKIA{}", "ABCDEFGHIJKLMNOP"), "AWS key"),
            (format!("AIza{}", &long[..35]), "Google key"),
            (format!("xoxb-{}", &long[..20]), "Slack token"),
            (format!("sk_live_{}", &long[..24]), "Stripe key"),
            (format!("sk-ant-{}", &long[..30]), "API key"),
            (format!("npm_{}", &long[..36]), "npm token"),
            (format!("pypi-{long}"), "PyPI token"),
            (format!("eyJ{long}.eyJ{long}.{long}"), "web token"),
        ] {
            assert_eq!(masked(&format!("a {token} b")), format!("a [masked: {name}] b"));
        }
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n-----END OPENSSH PRIVATE KEY-----";
        assert_eq!(masked(&format!("a\n{key}\nb")), "a\n[masked: private key]\nb");
        assert_eq!(masked("-----BEGIN PRIVATE KEY-----\ncut"), "[masked: private key]");
        assert_eq!(
            masked("git clone https://ada:s3cr3t@host/x"),
            "git clone https://ada:[masked: password]@host/x"
        );
        assert_eq!(masked("https://t0kenvalue@host/x"), "https://[masked: token]@host/x");
        for plain in ["ssh://git@host/x", "see https://host/@ada/x", "mail ada@host"] {
            assert_eq!(masked(plain), plain);
        }
        assert_eq!(
            masked("> Authorization: Bearer abcdefgh1234"),
            "> Authorization: Bearer [masked: bearer token]"
        );
    }

    #[test]
    fn assignments_to_secret_names_are_taken_out_and_others_stay() {
        assert_eq!(masked("DB_PASSWORD=correcthorse"), "DB_PASSWORD=[masked: DB_PASSWORD]");
        assert_eq!(masked("\"api_token\": \"abcdef1\""), "\"api_token\": \"[masked: api_token]\"");
        assert_eq!(
            masked("export DB_PASSWORD=\"correct horse battery\" x=1"),
            "export DB_PASSWORD=\"[masked: DB_PASSWORD]\" x=1"
        );
        assert_eq!(masked("MY_TOKEN='it has spaces'"), "MY_TOKEN='[masked: MY_TOKEN]'");
        for text in ["test result: ok. 12 passed", "monkey=banana12", "duration: 12.345678"] {
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn any_bytes_are_read_and_a_log_without_secrets_stays_as_it_is() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        assert_eq!(Mask::default().apply(&bytes), (bytes, 0));
    }
}
