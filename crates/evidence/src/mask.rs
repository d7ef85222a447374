//! Takes secrets out of logs before they are kept: what looks like a well-known token, and the values of variables whose
//! names say that they are secret. A heuristic: what it does not know stays.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::bytes::Regex;

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

    /// Returns `log` with every secret replaced by what it was, and how many there were. A secret is found although colours
    /// stand before it, behind it or in it.
    pub fn apply(&self, log: &[u8]) -> (Vec<u8>, usize) {
        let mut found = self.found(log);
        if log.contains(&ESCAPE) {
            found.extend(self.found(&spaced(log)));
            for line in log.split_inclusive(|byte| *byte == b'\n').filter(|it| it.contains(&ESCAPE))
            {
                let from = line.as_ptr().addr() - log.as_ptr().addr();
                let (plain, places) = without_escapes(line);
                let moved = self.found(&plain).into_iter().map(|it| Found {
                    start: from + places[it.start],
                    end: from + places[it.end - 1] + 1,
                    ..it
                });
                found.extend(moved);
            }
        }
        replaced(log, found)
    }

    /// Returns the secrets in `text`; they may overlap, and none is empty.
    fn found(&self, text: &[u8]) -> Vec<Found> {
        let mut all = Vec::new();
        let mut add = |rank: usize, start: usize, end: usize, name: &str| {
            if start < end {
                all.push(Found { start, end, rank, name: name.to_owned() });
            }
        };
        for (rank, (name, value)) in self.values.iter().enumerate() {
            for start in places_of(text, value) {
                add(rank, start, start + value.len(), name);
            }
        }
        let known = self.values.len();
        for (n, (form, (name, _))) in forms().iter().zip(FORMS).enumerate() {
            for found in form.captures_iter(text) {
                let part = found.get(if found.len() > 1 { 1 } else { 0 });
                part.iter().for_each(|it| add(known + n, it.start(), it.end(), name));
            }
        }
        for found in assignment().captures_iter(text) {
            let name = String::from_utf8_lossy(found.get(1).map_or(&b""[..], |it| it.as_bytes()));
            let value = (2..=4).find_map(|it| found.get(it)).filter(|_| says_secret(&name));
            value.iter().for_each(|it| add(usize::MAX, it.start(), it.end(), &name));
        }
        all
    }
}

/// One secret: where it is, and how it is called. Of two that overlap the one with the lower rank names both.
#[derive(Debug)]
struct Found {
    start: usize,
    end: usize,
    rank: usize,
    name: String,
}

/// How what a terminal obeys begins.
const ESCAPE: u8 = 0x1b;

/// What a terminal obeys: colours, movements, titles.
fn escapes() -> &'static Regex {
    static ONE: OnceLock<Regex> = OnceLock::new();
    let form = r"(?-u)\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]|)";
    ONE.get_or_init(|| Regex::new(form).expect("the form is tested"))
}

/// Returns `text` with a space for each byte that a terminal obeys.
fn spaced(text: &[u8]) -> Vec<u8> {
    let mut spaced = text.to_vec();
    for found in escapes().find_iter(text) {
        spaced[found.range()].fill(b' ');
    }
    spaced
}

/// Returns `text` without what a terminal obeys, and where each byte was.
fn without_escapes(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut plain, mut places, mut from) = (Vec::new(), Vec::new(), 0);
    for found in escapes().find_iter(text) {
        plain.extend_from_slice(&text[from..found.start()]);
        places.extend(from..found.start());
        from = found.end();
    }
    plain.extend_from_slice(&text[from..]);
    places.extend(from..text.len());
    (plain, places)
}

/// Returns `text` with what was found replaced by its names, and how many there are.
fn replaced(text: &[u8], mut found: Vec<Found>) -> (Vec<u8>, usize) {
    found.sort_by_key(|it| (it.start, it.rank));
    let mut apart: Vec<Found> = Vec::new();
    for it in found {
        match apart.last_mut().filter(|last| it.start < last.end) {
            Some(last) => {
                last.end = last.end.max(it.end);
                if it.rank < last.rank {
                    (last.rank, last.name) = (it.rank, it.name);
                }
            }
            None => apart.push(it),
        }
    }
    let (mut out, mut from) = (Vec::with_capacity(text.len()), 0);
    for it in &apart {
        out.extend_from_slice(&text[from..it.start]);
        out.extend_from_slice(format!("[masked: {}]", it.name).as_bytes());
        from = it.end;
    }
    out.extend_from_slice(&text[from..]);
    (out, apart.len())
}

fn places_of(text: &[u8], value: &[u8]) -> Vec<usize> {
    let (mut places, mut from) = (Vec::new(), 0);
    let first = value.first().copied().unwrap_or_default();
    while let Some(at) = text[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        let is_it = text[at..].starts_with(value);
        places.extend(is_it.then_some(at));
        from = at + if is_it { value.len() } else { 1 };
    }
    places
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
    fn colours_before_behind_and_in_a_secret_do_not_hide_it_and_stay_where_they_are() {
        let token = format!("ghp_{}", "a1B2c3D4e5".repeat(4));
        let masked_token = "[masked: GitHub token]";
        for (text, kept) in [
            (format!("\x1b[32m{token}\x1b[0m x"), format!("\x1b[32m{masked_token}\x1b[0m x")),
            (format!("+\x1b[m\x1b[32m{token}"), format!("+\x1b[m\x1b[32m{masked_token}")),
            (
                format!("\x1b[1;1H{}\x1b[31m{} x", &token[..20], &token[20..]),
                format!("\x1b[1;1H{masked_token} x"),
            ),
            (
                "DB_PASSWORD=\x1b[33mhunter3hunter3\x1b[0m;".into(),
                "DB_PASSWORD=\x1b[33m[masked: DB_PASSWORD]\x1b[0m;".into(),
            ),
            ("\x1b[33mAKIAABCDEFGHIJKLMNOP".into(), "\x1b[33m[masked: AWS key]".into()),
        ] {
            assert_eq!(masked(&text), kept, "{text:?}");
        }
        for plain in ["\x1b[32mok\x1b[0m\n", "\x1b]0;a title\x07", "\x1b", "\x1b[", "\x1b]x"] {
            assert_eq!(masked(plain), plain);
        }
    }

    #[test]
    fn any_bytes_are_read_and_a_log_without_secrets_stays_as_it_is() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5_000).collect();
        assert_eq!(Mask::default().apply(&bytes), (bytes, 0));
    }
}
