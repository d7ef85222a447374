//! What each runner prints, and what is made of it.

use super::*;

#[track_caller]
fn reads(output: &str, passed: u64, failed: u64, skipped: u64) {
    assert_eq!(read(output.as_bytes()), Some(TestCount::of(passed, failed, skipped)), "{output}");
}

#[test]
fn cargo_test_is_summed_over_its_binaries() {
    reads(
        "running 3 tests\ntest a ... ok\n\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 4 filtered \
         out; finished in 0.00s\n\n   Doc-tests x\ntest result: \u{1b}[31mFAILED\u{1b}[0m. 5 passed; 1 failed; \
         0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n",
        7,
        1,
        1,
    );
    reads("test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out", 0, 0, 0);
}

#[test]
fn nextest_is_read_from_its_summary_and_not_from_the_output_of_a_failed_test() {
    reads(
        "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured\n     Summary [   0.555s] 17 tests \
         run: 14 passed (1 slow, 1 flaky), 2 failed, 1 timed out, 3 skipped\n",
        14,
        3,
        3,
    );
    reads("     Summary [   1.0s] 9/17 tests run: 8 passed, 1 failed, 0 skipped", 8, 1, 0);
    reads("     Summary [   0.010s] 1 test run: 1 passed, 0 skipped", 1, 0, 0);
    reads("error: no tests to run", 0, 0, 0);
}

#[test]
fn pytest_and_unittest_are_read() {
    reads(
        "=== 1 failed, 5 passed, 2 skipped, 1 xfailed, 3 warnings, 1 error in 0.12s ===",
        6,
        2,
        2,
    );
    reads("\u{1b}[32m5 passed\u{1b}[0m\u{1b}[32m in 65.01s (0:01:05)\u{1b}[0m\n", 5, 0, 0);
    reads("no tests ran in 0.01s", 0, 0, 0);
    reads("Ran 5 tests in 0.001s\n\nFAILED (failures=1, errors=1, skipped=1)\n", 2, 2, 1);
    reads("Ran 1 test in 0.001s\n\nOK\n", 1, 0, 0);
    assert_eq!(read(b"it passed in 3s"), None);
}

#[test]
fn node_is_read_in_both_reporters_and_other_tap_by_its_lines() {
    let list = ["tests 7", "suites 1", "pass 4", "fail 1", "cancelled 1", "skipped 1", "todo 0"];
    for mark in ["# ", "ℹ "] {
        let output: String = list.iter().map(|line| format!("{mark}{line}\n")).collect();
        reads(&format!("TAP version 13\nok 1 - a\n    # Subtest: b\n{output}"), 4, 2, 1);
    }
    reads(
        "TAP version 13\n1..3\nok 1 - a\nnot ok 2 - b\n  ok 1 - inner\nok 3 - c # SKIP\n",
        1,
        1,
        1,
    );
}

#[test]
fn jest_vitest_and_mocha_are_read() {
    reads(
        "Test Suites: 1 passed, 1 total\nTests:       1 failed, 2 skipped, 5 passed, 8 total",
        5,
        1,
        2,
    );
    reads(" Test Files  1 passed (1)\n      Tests  1 failed | 5 passed | 2 skipped (8)\n", 5, 1, 2);
    reads("      Tests  3 passed (3)\n", 3, 0, 0);
    reads("\n  5 passing (10ms)\n  2 pending\n  1 failing\n", 5, 1, 2);
}

#[test]
fn go_is_read_with_v_and_json_and_unknown_without() {
    reads(
        "=== RUN   TestA\n=== RUN   TestA/x\n--- PASS: TestA (0.00s)\n    --- PASS: TestA/x (0.00s)\n=== RUN   \
         TestB\n--- FAIL: TestB (0.00s)\n--- SKIP: TestC (0.00s)\nFAIL\tex.com/p\t0.01s\n",
        1,
        1,
        1,
    );
    reads(
        "{\"Action\":\"run\",\"Package\":\"p\",\"Test\":\"TestA\"}\n{\"Action\":\"pass\",\"Package\":\"p\",\
         \"Test\":\"TestA\"}\n{\"Action\":\"pass\",\"Package\":\"p\",\"Test\":\"TestA/x\"}\n{\"Action\":\
         \"pass\",\"Package\":\"p\"}\n",
        1,
        0,
        0,
    );
    assert_eq!(read(b"ok  \tex.com/p\t0.01s\n"), None);
    assert_eq!(
        read(b"ok  \tex.com/p\t(cached)\nFAIL\tex.com/q\t0.1s\n--- FAIL: TestB (0.0s)\n"),
        None
    );
    reads("?   \tex.com/p\t[no test files]\nok  \tex.com/q\t0.01s [no tests to run]\n", 0, 0, 0);
}

#[test]
fn several_runners_are_summed_and_one_unknown_makes_the_sum_unknown() {
    let cargo = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
    reads(&format!("{cargo}=== 3 passed in 0.12s ===\n"), 5, 0, 0);
    assert_eq!(read(format!("{cargo}ok  \tex.com/p\t0.01s\n").as_bytes()), None);
}

#[test]
fn no_runner_is_unknown_and_never_zero() {
    for output in ["", "all good\n", "5 tests\n", "Tests are fun (really)\n", "Summary [x] hello"] {
        assert_eq!(read(output.as_bytes()), None, "{output}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let words: [&[u8]; 24] = [
        b"test result: ",
        b"ok. ",
        b"5 passed; ",
        b"Summary [",
        b"] ",
        b"99999999999999999999 ",
        b"tests run: ",
        b" passed",
        b"=== ",
        b" in 0.1s",
        b"# tests ",
        b"# pass ",
        b"Tests:",
        b"Tests ",
        b" total",
        b"(",
        b")",
        b"--- PASS: ",
        b"\n",
        b"\r",
        b"\x1b[",
        b"\x1b]",
        b"\xff\xfe",
        b"{\"Action\":\"",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 33).expect("31 bits")
    };
    for _ in 0..20_000 {
        let mut bytes = Vec::new();
        for _ in 0..next() % 12 {
            match next() % 4 {
                0 => bytes.push(u8::try_from(next() % 256).expect("a byte")),
                _ => bytes.extend_from_slice(words[next() % words.len()]),
            }
        }
        let count = read(&bytes);
        assert!(count.is_none_or(|c| c.executed == c.passed.saturating_add(c.failed)));
    }
}
