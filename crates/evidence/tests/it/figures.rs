//! Prints how long the steps take on a small repository; run with `--no-capture`.

use std::time::Instant;

use mission_evidence::checkout::Checkout;
use mission_evidence::workspace::Workspace;

use crate::place::{Place, coder, ticket};

#[tokio::test]
async fn a_workspace_and_a_checkout_of_a_small_repository_take_well_under_a_second() {
    let place = Place::new();
    for number in 0..100 {
        place.write(&format!("src/file{number}.txt"), &"line\n".repeat(50));
    }
    let commit = place.commits("a hundred files");
    let (mut made, mut looked, mut fetched, mut checked_out) = (vec![], vec![], vec![], vec![]);
    for number in 0..9 {
        let workspace = Workspace::at(place.project(), ticket(), place.path(&format!("w{number}")));
        let begun = Instant::now();
        workspace.create("main", &commit, &commit, &coder()).await.expect("a workspace");
        made.push(begun.elapsed());
        let begun = Instant::now();
        assert!(workspace.state().await.expect("a state").dirty.is_empty());
        looked.push(begun.elapsed());
        let begun = Instant::now();
        workspace.fetch_back().await.expect("fetched");
        fetched.push(begun.elapsed());
        let begun = Instant::now();
        Checkout::make(&place.project(), &commit, &place.path(".")).await.expect("a checkout");
        checked_out.push(begun.elapsed());
    }
    for (what, times) in [
        ("workspace create", &mut made),
        ("workspace state", &mut looked),
        ("fetch back", &mut fetched),
        ("clean checkout", &mut checked_out),
    ] {
        times.sort();
        let median = times[times.len() / 2];
        println!("{what}: median {:.1} ms", median.as_secs_f64() * 1_000.0);
        assert!(median.as_secs() < 5, "{what} takes {median:?}");
    }
}
