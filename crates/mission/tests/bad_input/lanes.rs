//! A lane that speaks to the server past its own shim.

use crate::place::Place;

const RULES: &str = r#"
[project]
key = "MC"
checks = []

[runtime.scripted]
driver = "exec"
command = ["sh", "@AGENT@"]

[role.planner]
runtimes = ["scripted"]
"#;

/// What it says over HTTP with its own token stands beside what it says to its shim.
const AGENT: &str = r#"
echo 'a plan' > "$TMPDIR/plan.md"
past() { env -u MISSION_ATTEMPT -u MISSION_SOCKET mission report --attempt "$MISSION_ATTEMPT" "$@"; }
past evidence risk 'the first word' || exit 7
past evidence risk 'the second word' || exit 7
past evidence risk 'the third word' || exit 7
mission report evidence plan "$TMPDIR/plan.md"
mission report done --summary planned
"#;

#[test]
fn what_a_lane_says_over_http_takes_nothing_of_what_it_says_to_its_shim_away() {
    let place = Place::new();
    std::fs::write(place.path("agent.sh"), AGENT).unwrap();
    let script = place.path("agent.sh").display().to_string();
    let at = place.project("work", &RULES.replace("@AGENT@", &script));
    let server = place.up();
    let key = place.files(&at, "Plan it", &[]);
    place.sees(&at, &key, |it| it["state"] == "in_review");
    let attempts = place.mission(&at, &["attempt", "list", "--json"]).succeeds().json();
    let attempts = attempts["attempts"].as_array().unwrap();
    assert_eq!(attempts.len(), 1, "a report was lost: {attempts:#?}");
    let packets = place.mission(&at, &["packet", "show", &key, "--json"]).succeeds().json();
    let packet = &packets["packets"][0];
    assert_eq!(packet["risk"], "the third word", "{packet:#}");
    assert_eq!(packet["artifacts"][0]["kind"], "plan", "{packet:#}");
    server.stops(&place);
    place.is_whole();
}
