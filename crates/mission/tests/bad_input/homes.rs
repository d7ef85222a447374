//! Homes in a state in which an accident leaves them.

use serde_json::json;

use crate::place::Place;

const RULES: &str = "[project]\nkey = \"MC\"\nchecks = []\n";

#[test]
fn a_card_that_a_crashed_server_left_keeps_nobody_from_starting_one() {
    let place = Place::new();
    let at = place.project("work", RULES);
    // Its number belongs to another process by now: this one.
    let pid = std::process::id();
    for card in [
        json!({ "url": "http://127.0.0.1:1", "pid": pid, "pid_start_time": 1 }),
        json!({ "url": "http://127.0.0.1:1", "pid": pid }),
    ] {
        std::fs::write(place.home().join("server.json"), card.to_string()).unwrap();
        place.mission(&at, &["gc"]).succeeds();
        let server = place.up();
        place.mission(&at, &["up"]).ends_with(4).says(&["a server is up", "mission down"]);
        place.mission(&at, &["gc"]).ends_with(3).says(&["a server is up"]);
        server.stops(&place);
    }
    place.is_whole();
}

#[test]
fn a_server_that_makes_its_home_says_nothing_but_where_it_is() {
    let place = Place::new();
    let server = place.up();
    assert!(!place.server_log().to_lowercase().contains("error"), "{}", place.server_log());
    server.stops(&place);
}

#[test]
fn a_backup_beside_a_server_comes_back_twice_and_sets_aside_what_was_there_each_time() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let server = place.up();
    let key = place.files(&at, "Keep me", &["--park"]);
    let file = place.path("backup").display().to_string();
    place.mission(&at, &["backup", &file]).succeeds().says(&["wrote"]);
    server.stops(&place);
    let mut aside = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let said = place.mission(&at, &["restore", &file, "--json"]).succeeds().json();
        let folder = said["set_aside"].as_str().unwrap().to_owned();
        assert!(std::path::Path::new(&folder).join("mission.db").is_file(), "{said}");
        assert!(aside.insert(folder), "{said}");
        assert_eq!(place.ticket(&at, &key)["title"], "Keep me");
    }
    let left = std::fs::read_dir(place.home()).unwrap().map(|it| it.unwrap().file_name());
    let left: Vec<_> = left.filter(|it| it.to_string_lossy().starts_with("restore-")).collect();
    assert!(left.is_empty(), "{left:?}");
    place.is_whole();
}
