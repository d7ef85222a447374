//! What the testkit offers on the command line, for tests that are no Rust and for trying things by hand.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;

use mission_testkit::model::Model;
use mission_testkit::programs;

const USAGE: &str = "\
usage: mission-testkit model [--listen 127.0.0.1:0]
       mission-testkit person HOME --model URL

`person` makes HOME the home of somebody who has codex and claude, with the model at URL for a provider, and prints
the whole environment of their processes as JSON.

`model` plays the script in each prompt: [[hello]], or [[script: STEP ;; STEP ;; …]] with these steps:
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
        ["person", home, "--model", url] => return settle(Path::new(home), url),
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

fn settle(home: &Path, url: &str) -> ExitCode {
    match programs::settle_at(home, url) {
        Ok(env) => {
            println!("{}", serde_json::json!(env));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
