//! Requests that ask for too much or for what cannot be.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::place::Place;

const RULES: &str = "[project]\nkey = \"MC\"\nchecks = []\n";

/// What a client may send at most, many times over.
const TEN_MB: usize = 10 * 1024 * 1024;

#[test]
fn a_cycle_of_dependencies_is_refused_however_long_it_is() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let first = place.files(&at, "First", &["--park"]);
    let second = place.files(&at, "Second", &["--park", "--blocked-by", &first]);
    let third = place.files(&at, "Third", &["--park", "--blocked-by", &second]);
    for blocker in [&first, &second, &third] {
        let edit = ["ticket", "edit", &first, "--blocked-by", blocker, "--json"];
        let said = place.mission(&at, &edit).ends_with(3);
        assert!(said.err.contains("cycle") || said.out.contains("cycle"), "{said:?}");
    }
    assert_eq!(place.ticket(&at, &first)["blocked_by"], serde_json::json!([]));
    place.mission(&at, &["ticket", "edit", &third, "--unblock", &second]).succeeds();
    place.mission(&at, &["ticket", "edit", &first, "--blocked-by", &third]).succeeds();
}

#[test]
fn a_new_ticket_that_waits_for_its_own_campaign_is_refused() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let whole = place.files(&at, "Whole", &["--campaign"]);
    let part = place.files(&at, "Part", &["--campaign", "--parent", &whole]);
    let after = place.files(&at, "After", &["--park", "--blocked-by", &whole]);
    for blocker in [&whole, &part, &after] {
        let new = ["ticket", "new", "Never", "--parent", &part, "--blocked-by", blocker, "--json"];
        let said = place.mission(&at, &new).ends_with(3);
        assert!(said.err.contains("cycle") || said.out.contains("cycle"), "{said:?}");
    }
    assert_eq!(place.ticket(&at, &part)["children"], serde_json::json!([]));
    place.files(&at, "Fine", &["--parent", &whole, "--blocked-by", &part]);
}

#[test]
fn who_waited_for_a_ticket_goes_on_where_no_server_is_up_too() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let first = place.files(&at, "First", &[]);
    let second = place.files(&at, "Second", &["--blocked-by", &first]);
    let whole = place.files(&at, "Whole", &["--campaign"]);
    let part = place.files(&at, "Part", &["--parent", &whole]);
    let other = place.files(&at, "Other", &["--parent", &whole]);
    assert_eq!(place.ticket(&at, &second)["state"], "waiting");
    for key in [&first, &part] {
        place.mission(&at, &["ticket", "cancel", key, "--reason", "no"]).succeeds();
    }
    assert_eq!(place.ticket(&at, &second)["state"], "todo");
    assert_eq!(place.ticket(&at, &whole)["state"], "waiting");
    place.mission(&at, &["ticket", "supersede", &other, "--by", &second]).succeeds();
    let whole = place.ticket(&at, &whole);
    assert_eq!(
        (&whole["state"], &whole["reason"]["code"]),
        (&"blocked".into(), &"campaign_failed".into())
    );
    place.mission(&at, &["operator", "sweep"]).succeeds().says(&["nothing to correct"]);
    place.is_whole();
}

#[test]
fn a_body_of_ten_megabytes_is_refused_and_the_server_goes_on() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let text = vec![b'a'; TEN_MB];
    let new = ["ticket", "new", "Big", "--body", "-"];
    let told = &["at most 1 MiB"];
    place.mission_reading(&at, &new, &text).ends_with(2).says(told);
    let server = place.up();
    place.mission_reading(&at, &new, &text).ends_with(2).says(told);
    let answer = posts(&server.url, &place.token(), &text);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("too_large"), "{answer}");
    let key = place.files(&at, "Small", &["--park"]);
    let list = place.mission(&at, &["ticket", "list", "--json"]).succeeds().json();
    assert_eq!(list["tickets"].as_array().unwrap().len(), 1);
    assert_eq!(list["tickets"][0]["key"], *key);
    server.stops(&place);
}

#[test]
fn what_is_not_there_is_the_answer_no_at_every_verb() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let key = place.files(&at, "First", &["--park"]);
    for words in [
        &["ticket", "show", "MC-99"][..],
        &["attempt", "logs", "A-999"],
        &["packet", "show", &key, "--gate", "nope"],
        &["gate", "pass", &key, "nope", "--reason", "x"],
        &["ticket", "supersede", &key, "--by", "MC-99"],
        &["approve", "P-31.4"],
    ] {
        let said = place.mission(&at, words).ends_with(1);
        assert!(!said.err.is_empty() && said.out.is_empty(), "{words:?}: {said:?}");
    }
}

#[test]
fn a_ticket_is_not_replaced_by_one_that_it_replaced() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let [one, other] = ["One", "Other"].map(|it| place.files(&at, it, &["--park"]));
    place.mission(&at, &["ticket", "supersede", &one, "--by", &other]).succeeds();
    place.mission(&at, &["ticket", "supersede", &other, "--by", &one]).ends_with(3);
    assert_eq!(place.ticket(&at, &other)["superseded_by"], serde_json::json!([]));
}

#[test]
fn words_that_are_no_text_are_refused() {
    let place = Place::new();
    let at = place.project("work", RULES);
    let new = ["ticket", "new", "Latin", "--body", "-"];
    place.mission_reading(&at, &new, b"caf\xe9").ends_with(2).says(&["not UTF-8"]);
    let list = place.mission(&at, &["ticket", "list", "--json"]).succeeds().json();
    assert_eq!(list["tickets"], serde_json::json!([]));
}

/// Posts `body` as a ticket and returns the answer.
#[test]
fn a_server_is_called_by_the_names_that_its_home_allows_and_by_no_other() {
    let place = Place::new();
    let settings = "allowed_hosts = [\"box.lan\"]\npublic_url = \"https://mission.example.org\"\n";
    std::fs::create_dir_all(place.home()).unwrap();
    std::fs::write(place.home().join("config.toml"), settings).unwrap();
    place.project("work", RULES);
    let server = place.up();
    let body = br#"{"title": "Named"}"#;
    for host in ["box.lan", "box.lan:8080", "mission.example.org"] {
        let answer = posts_to(&server.url, host, &place.token(), body);
        assert!(answer.starts_with("HTTP/1.1 201 "), "{host}: {answer}");
    }
    let answer = posts_to(&server.url, "other.lan", &place.token(), body);
    assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("allowed_hosts"), "{answer}");
    server.stops(&place);
    for (wrong, told) in [
        ("allowed_hosts = [\"a b\"]", "no name of a host"),
        ("public_url = \"mission.lan/x\"", "no address of a server"),
    ] {
        std::fs::write(place.home().join("config.toml"), wrong).unwrap();
        place.mission(&place.path("work"), &["up"]).says(&["config.toml:1:", told]);
    }
}

#[test]
fn an_address_that_is_none_is_a_matter_of_the_command_line() {
    let place = Place::new();
    for wrong in ["foo", "127.0.0.1", "127.0.0.1:port", "127.0.0.1:99999"] {
        let up = place.mission(&place.path(""), &["up", "--listen", wrong]);
        up.ends_with(2).says(&[&format!("'{wrong}'"), "127.0.0.1:4207"]);
    }
}

fn posts(url: &str, token: &str, body: &[u8]) -> String {
    posts_to(url, url.trim_start_matches("http://"), token, body)
}

fn posts_to(url: &str, host: &str, token: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    let head = format!(
        "POST /api/v1/tickets HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
