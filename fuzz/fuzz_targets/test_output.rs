//! Any output is read, and the numbers in it hold together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mission_evidence::mask::Mask;
use mission_evidence::test_output::read;

fuzz_target!(|output: &[u8]| {
    if let Some(count) = read(output) {
        assert!(count.failed <= count.executed, "{count:?}");
    }
    let (masked, count) = Mask::default().apply(output);
    assert!(count > 0 || masked == output, "changed without a secret");
});
