//! A board of a thousand tickets stays small.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use mission_server::pages::{assets, board, ticket};

use crate::sample;

fn zipped(text: &str) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("zipped");
    encoder.finish().expect("zipped").len()
}

#[test]
fn a_board_of_a_thousand_tickets_is_under_100_kb_on_the_wire() {
    let page = board::page(&sample::board(1000)).into_string();
    let size = zipped(&page);
    assert!(size <= 100_000, "{size} bytes");
    assert!(page.contains("Show all"), "long columns are cut");
}

/// Returns what the files at these addresses take on the wire, each once and without the fonts.
fn files<'a>(addresses: impl Iterator<Item = &'a str>) -> usize {
    let paths: std::collections::BTreeSet<&str> =
        addresses.filter_map(|it| it.strip_prefix("/assets/")?.split(['?', '#']).next()).collect();
    let size = |path: &str| {
        let file = assets::asset(path).unwrap_or_else(|| panic!("there is no {path}"));
        zipped(&String::from_utf8_lossy(&file.bytes))
    };
    paths.into_iter().filter(|it| !it.contains(".woff2")).map(size).sum()
}

fn named<'a>(page: &'a str, attribute: &str) -> impl Iterator<Item = &'a str> {
    let attribute = format!(" {attribute}=\"");
    page.match_indices(&attribute)
        .map(|(at, found)| &page[at + found.len()..])
        .filter_map(|rest| rest.split('"').next())
        .collect::<Vec<_>>()
        .into_iter()
}

#[test]
fn a_tickets_first_load_is_under_100_kb_and_its_open_console_under_250_kb() {
    let page = ticket::page(&sample::ticket_view()).into_string();
    let first = zipped(&page) + files(named(&page, "href").chain(named(&page, "src")));
    assert!(first > 50_000 && first <= 100_000, "{first} bytes without the console");
    let later = ["data-xterm", "data-fit", "data-search-addon", "data-xterm-style", "data-style"];
    let console = files(later.iter().flat_map(|it| named(&page, it)));
    assert!(console > 80_000, "{console} bytes: the console's files are not found");
    assert!(first + console <= 250_000, "{first} bytes and {console} with the console");
}
