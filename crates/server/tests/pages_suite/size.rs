//! A board of a thousand tickets stays small.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use mission_server::pages::board;
use mission_server::pages::view::{BoardFilter, BoardView};

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

#[test]
fn a_cut_column_counts_all_its_tickets_and_shows_them_when_asked() {
    let all = BoardFilter { all: Some("todo".into()), ..BoardFilter::default() };
    let cut = BoardView::sorted(sample::shell(), sample::tickets(1000), BoardFilter::default());
    let whole = BoardView::sorted(sample::shell(), sample::tickets(1000), all);
    let todo = |view: &BoardView| {
        view.columns.iter().find(|c| c.state == "todo").map(|c| (c.total, c.tickets.len()))
    };
    let (total, shown) = todo(&cut).expect("todo");
    assert_eq!(shown, board::COLUMN_WINDOW);
    assert!(total as usize > shown);
    assert_eq!(todo(&whole), Some((total, total as usize)));
}
