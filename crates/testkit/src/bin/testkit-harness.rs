//! For the tests of this crate: what the binary `mission` offers of it, and nothing else.

use std::path::Path;
use std::process::ExitCode;

use mission_testkit::{agents, serve};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["scripted-agent", name] => agents::run(name, &[]),
        ["serve-static", dir, "--port", port] => {
            let files = port.parse().map(|port| serve::run(Path::new(dir), port));
            if let Ok(Err(error)) = files {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
        _ => ExitCode::from(2),
    }
}
