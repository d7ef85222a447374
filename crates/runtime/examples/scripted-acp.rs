//! The scripted ACP agent as a program, for the tests of the driver `acp`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mission_testkit::acp::run()
}
