//! Any `mission.toml` gives rules or problems with their places, and the same ones each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mission_domain::config::{Found, Source, rules};

fuzz_target!(|text: &str| {
    let found = Found { default_branch: None, programs: Vec::new(), checks: Vec::new() };
    let source = || Some(Source { name: "mission.toml", text });
    match rules("demo", None, source(), &found) {
        Ok(read) => assert_eq!(rules("demo", None, source(), &found).as_ref(), Ok(&read)),
        Err(problems) => assert!(!problems.is_empty(), "refused without a reason"),
    }
});
