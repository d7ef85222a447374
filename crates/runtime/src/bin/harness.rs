//! The tests' stand-in for the `mission` program: knows its two hidden commands and the lane's report, nothing else.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["lane-shim", lane_dir] => mission_runtime::shim::run(Path::new(lane_dir)),
        ["runner-local", dir] => runner(Path::new(dir)),
        ["report", text] => report(text),
        _ => {
            eprintln!("usage: harness lane-shim DIR | runner-local DIR | report TEXT");
            ExitCode::from(2)
        }
    }
}

/// One thread suffices, and is what `mission` uses.
fn runner(dir: &Path) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.map(|runtime| runtime.block_on(mission_runtime::runner::run(dir)));
    match done {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(e)) => {
            eprintln!("{}", e.in_full());
            ExitCode::FAILURE
        }
        Err(e) => {
            eprintln!("no runtime: {e}");
            ExitCode::FAILURE
        }
    }
}

fn report(text: &str) -> ExitCode {
    let Some(socket) = std::env::var_os("MISSION_SOCKET") else {
        eprintln!("MISSION_SOCKET is not set: run this inside a lane");
        return ExitCode::from(2);
    };
    let value = serde_json::json!({ "summary": text });
    match mission_runtime::lane_client::report(Path::new(&socket), value) {
        Ok(number) => {
            println!("kept as record {number}");
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("{}", e.in_full());
            ExitCode::FAILURE
        }
    }
}
