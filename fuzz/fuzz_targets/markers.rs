//! Any final message is read, and a conflict is one between several.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mission_runtime::markers::{Markers, read};

fuzz_target!(|message: &[u8]| {
    if let Markers::Conflict { markers } = read(message) {
        assert!(markers.len() > 1, "a conflict of one");
    }
});
