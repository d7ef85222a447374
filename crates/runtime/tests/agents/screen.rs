//! Codex's own screen in a window of tmux, joined to the session of a lane.

use mission_domain::ids::MessageId;
use mission_runtime::agent::AgentState;
use mission_runtime::attach::{Client, Screen, screen};
use mission_runtime::markers::{Marker, Markers};
use mission_runtime::record::Record;
use mission_runtime::record_log::read_after;
use mission_runtime::shim_protocol::Request;

use crate::lane::{Agent, Stage};
use crate::stage::{Shim, eventually};

/// Starts `client` in a window, with its own environment alone.
fn opens(stage: &Stage, client: &Client) {
    let cwd = client.cwd.display().to_string();
    let env: Vec<String> =
        client.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut words =
        vec!["-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", "-c", &cwd];
    words.extend(["env", "-i", "TERM=xterm-256color"]);
    words.extend(env.iter().map(String::as_str));
    words.extend(client.command.iter().map(String::as_str));
    let made = stage.home.tmux(&words);
    assert!(made.status.success(), "{made:?}");
}

fn shows(stage: &Stage, text: &str) {
    eventually(text, || {
        let seen = stage.home.tmux(&["capture-pane", "-p"]).stdout;
        String::from_utf8_lossy(&seen).contains(text).then_some(())
    });
}

#[test]
fn a_person_takes_over_in_the_agents_own_screen_and_gives_back_and_both_are_recorded() {
    let stage = Stage::with(Agent::Codex);
    let shim = Shim::start(stage.lane(1, "sh exec tail -f /dev/null ;; say DONE: never"));
    shim.says("tail -f");
    shim.ask(&Request::Interrupt { by: "person:ada".into() });
    shim.becomes(AgentState::Idle);
    let Screen::Client(client) = screen(shim.files().dir()).unwrap() else { panic!("no screen") };
    assert!(client.env.keys().all(|it| !it.starts_with("MISSION_")), "the token is the lane's");
    opens(&stage, &client);
    shows(&stage, "Ask Codex");
    stage.home.tmux(&[
        "send-keys",
        "-l",
        "[[script: sh echo typed > ../typed ;; say it is typed]]",
    ]);
    shows(&stage, "say it is typed]]");
    stage.home.tmux(&["send-keys", "Enter"]);
    shows(&stage, "• it is typed");
    assert!(stage.home.path().join("typed").is_file());
    let files = shim.files();
    let records = || -> Vec<Record> {
        read_after(&files.records(), 0).unwrap().into_iter().map(|it| it.record).collect()
    };
    eventually("the session given back", || {
        records().contains(&Record::GaveBack { by: None }).then_some(())
    });
    shim.becomes(AgentState::Idle);
    // The queue is ours again, and what is sent is seen on the screen.
    shim.turn(2, "[[script: say DONE: by the lane]]");
    let exit = shim.ends();
    assert_eq!(exit.markers, Markers::One { marker: Marker::Done, text: "by the lane".into() });
    let records = records();
    let at = |found: fn(&Record) -> bool| records.iter().position(found).unwrap();
    let took = at(|it| *it == Record::TookOver { by: None });
    let typed = at(
        |it| matches!(it, Record::Input { who, text, .. } if who == "person at the terminal" && text.contains("it is typed")),
    );
    let gave = at(|it| *it == Record::GaveBack { by: None });
    let ours = at(
        |it| matches!(it, Record::TurnDelivered { messages, .. } if *messages == [MessageId(2)]),
    );
    assert!(took < typed && typed < gave && gave < ours, "{records:?}");
    stage.home.tmux(&["kill-server"]);
}
