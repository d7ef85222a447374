//! What the testkit offers on the command line, for tests that are no Rust and for trying things by hand.

use std::net::SocketAddr;
use std::process::ExitCode;

use mission_testkit::model::Model;

const USAGE: &str = "\
usage: mission-testkit model [--listen 127.0.0.1:0]

Plays the script in each prompt: [[hello]], or [[script: STEP ;; STEP ;; …]] with these steps:
  sh CMD           calls the agent's own shell tool
  tool NAME JSON   calls any tool
  say TEXT         ends with a message           slow SECONDS TEXT   the same, word by word
  hang SECONDS     is silent in mid-answer       http CODE           fails with that status
  drop             breaks the connection off     cut                 ends the answer before its end
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let listen = match words.as_slice() {
        ["model"] => "127.0.0.1:0",
        ["model", "--listen", address] => *address,
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Ok(address) = listen.parse::<SocketAddr>() else {
        eprintln!("`{listen}` is no address; write one like 127.0.0.1:0");
        return ExitCode::from(2);
    };
    match Model::start_at(address) {
        Ok(model) => {
            println!("scripted model at {}", model.url());
            model.wait();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
