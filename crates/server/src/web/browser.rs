//! What a browser calls itself, in short, so that a person tells their sessions apart. It is a claim, and nothing is allowed by it.

use axum::http::{Extensions, HeaderMap, header};

use crate::peer;

/// Browsers by what they put into `User-Agent`, which also names those that they descend from: the first that is there counts.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

/// Systems in the same way: a phone's name stands before that of what it descends from.
const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Returns browser, system and address of a request, like `Firefox on Linux, 192.0.2.7`, as far as they are known.
pub(super) fn named(headers: &HeaderMap, extensions: &Extensions) -> String {
    let claimed = headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok());
    let claimed = in_short(claimed.unwrap_or_default());
    match peer::address(extensions) {
        Some(address) => format!("{claimed}, {address}"),
        None => claimed,
    }
}

/// Returns browser and system in words of ours, whatever was sent.
fn in_short(claimed: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|it| claimed.contains(it.0)).map(|it| it.1)
    };
    let browser = first(&BROWSERS).unwrap_or("unknown browser");
    match first(&SYSTEMS) {
        Some(system) => format!("{browser} on {system}"),
        None => browser.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_called_by_its_own_name_and_never_by_words_of_its_own() {
        for (claimed, short) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
                "Safari on macOS",
            ),
            ("curl/8.9", "curl"),
            ("<b>the owner's</b>", "unknown browser"),
            ("", "unknown browser"),
        ] {
            assert_eq!(in_short(claimed), short, "{claimed}");
        }
    }
}
