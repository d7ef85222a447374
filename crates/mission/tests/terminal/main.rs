//! The full-screen view in a real terminal, against a real server.

mod stage;

use stage::{Lines, Stage, until};

#[test]
fn a_person_decides_in_the_terminal_and_a_restart_of_the_server_is_survived() {
    let mut stage = Stage::new();
    let first = stage.files("Look at the harbour page");
    stage.opens("mission watch; echo left=$?");
    stage.shows("Sign-off");
    assert_eq!(stage.fact("#{alternate_on}"), "1");
    // What happens elsewhere comes by itself.
    let second = stage.files("Look at the \u{202e}tariffs");
    assert!(!stage.shows("tariffs").contains('\u{202e}'));
    stage.types(&["a"]);
    let asked = stage.shows("Sign off?");
    assert!(
        asked.contains(&first) && asked.contains("work") && asked.contains("Commit"),
        "{asked}"
    );
    stage.types(&["-l", "well done"]);
    stage.types(&["Enter"]);
    stage.shows(&format!("{first} is done"));
    let signoff = &stage.ticket(&first)["gates"][0]["signoff"];
    assert_eq!((&signoff["verdict"], &signoff["reason"]), (&"pass".into(), &"well done".into()));
    stage.kills_server();
    assert!(stage.shows("no server for").contains("What you see was true"));
    assert!(stage.screen().contains("tariffs"), "the picture stays");
    stage.starts();
    stage.shows("live");
    stage.types(&["r"]);
    stage.shows("What must change?");
    stage.types(&["-l", "the winter is missing"]);
    stage.types(&["Enter"]);
    until("it was sent back", || {
        let ticket = stage.ticket(&second);
        (ticket["gates"][0]["signoffs"][0]["verdict"] == "changes").then_some(())
    });
    stage.resizes("150", "40");
    stage.types(&["g", "b"]);
    stage.shows("Done, last 24 h 1");
    stage.types(&["C-c"]);
    stage.shows("left=0");
    assert_eq!(
        (stage.fact("#{alternate_on}"), stage.fact("#{cursor_flag}")),
        ("0".into(), "1".into())
    );
}

#[test]
fn the_terminal_is_given_back_when_the_view_is_ended_from_outside() {
    let stage = Stage::new();
    let ends = "until grep -q hand shown; do sleep 0.1; done; kill -TERM $(cat pid)";
    stage.opens(&format!(
        "stty -g >before; ({ends}) & sh -c 'echo $$ >pid; exec mission top'; stty -g >after; cmp before after && echo same=yes"
    ));
    std::fs::write(stage.at("project/shown"), stage.shows("hand")).expect("a file");
    stage.shows("same=yes");
    assert_eq!(
        (stage.fact("#{alternate_on}"), stage.fact("#{cursor_flag}")),
        ("0".into(), "1".into())
    );
}

#[test]
fn a_lanes_console_is_gone_to_and_come_back_from() {
    let stage = Stage::new();
    let key = stage.says(&["ticket", "new", "Look at the harbour page", "--workflow", "long"]);
    until("an attempt is at work", || {
        let list = stage.says(&["attempt", "list", &key, "--json"]);
        let list: serde_json::Value = serde_json::from_str(&list).ok()?;
        list["attempts"][0]["pid"].is_u64().then_some(())
    });
    // A shell that gives each program its own place, so that a Ctrl-C there is none here.
    stage.opens("exec sh -i");
    stage.types(&["-l", &format!("mission watch --ticket {key}; echo left=$?")]);
    stage.types(&["Enter"]);
    stage.shows("all keys");
    for _ in 0..2 {
        stage.shows("slow");
        stage.types(&["t"]);
        stage.shows("what the lane prints");
        assert_eq!(stage.fact("#{alternate_on}"), "0");
        stage.types(&["C-c"]);
        let back = stage.shows("all keys");
        assert!(back.contains(&key) && !back.contains("left=0"), "{back}");
        assert_eq!(stage.fact("#{alternate_on}"), "1");
    }
    stage.types(&["q"]);
    stage.shows("left=0");
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_brings_the_view_again() {
    let stage = Stage::new();
    stage.opens("exec sh -i");
    stage.types(&["-l", "sh -c 'echo $$ >pid; exec mission watch'"]);
    stage.types(&["Enter"]);
    stage.shows("all keys");
    let pid = std::fs::read_to_string(stage.at("project/pid")).expect("a number");
    for is_from_outside in [false, true] {
        if is_from_outside {
            // Nothing is given back then, but `fg` takes it all again.
            stage.stops(pid.trim());
        } else {
            stage.types(&["C-z"]);
        }
        stage.shows("Stopped");
        assert_eq!(stage.fact("#{alternate_on}"), if is_from_outside { "1" } else { "0" });
        stage.types(&["-l", "fg"]);
        // A terminal that was not given back may still be raw: then this key ends a line.
        stage.types(&["C-j"]);
        until("it is drawn again", || {
            let screen = stage.screen();
            (screen.contains("all keys") && !screen.contains("Stopped")).then_some(())
        });
        assert_eq!(stage.fact("#{alternate_on}"), "1");
        stage.types(&["g", "b"]);
        stage.shows("No tickets.");
        stage.types(&["g", "n"]);
        stage.shows("Nothing waits for you");
    }
    stage.types(&["q"]);
    until("it is gone", || (stage.fact("#{alternate_on}") == "0").then_some(()));
}

#[test]
fn a_project_that_is_not_there_is_refused_before_the_screen_is_taken() {
    let stage = Stage::new();
    for args in [&["needs-you"][..], &["lane", "list"], &["attempt", "list"]] {
        let asked = stage.mission(&[&["--project", "QQ"], args].concat());
        let said = String::from_utf8_lossy(&asked.stderr);
        assert_eq!(asked.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains("there is no project `QQ`"), "{args:?}: {said}");
    }
    stage.opens("mission --project qq watch; echo left=$?; mission --project TM watch");
    let said = stage.shows("all keys");
    assert!(!said.contains("QQ"), "{said}");
    stage.types(&["q"]);
    let said = stage.shows("left=1");
    assert!(said.contains("there is no project `QQ`"), "{said}");
}

#[test]
fn a_demo_whose_terminal_is_closed_takes_its_folder_and_its_processes_with_it() {
    let stage = Stage::new();
    let folder = stage.at("demos");
    std::fs::create_dir(&folder).expect("a folder");
    let demo = "exec mission demo --speed 20 --no-browser";
    stage.opens(&format!("export TMPDIR={}; {demo}", folder.display()));
    stage.shows("Your turn.");
    // What it leaves to whoever watches is at work by then.
    until("a lane of the demo", || {
        stage.processes_of(&folder).iter().any(|it| it.contains("lane-shim")).then_some(())
    });
    stage.closes();
    until("the folder is gone", || {
        std::fs::read_dir(&folder).expect("a folder").next().is_none().then_some(())
    });
    until("its processes are gone", || stage.processes_of(&folder).is_empty().then_some(()));
}

#[test]
fn without_a_terminal_events_are_printed_and_top_says_what_it_needs() {
    let mut stage = Stage::new();
    let top = stage.mission(&["top"]);
    assert_eq!(top.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&top.stderr).contains("needs a terminal"));
    stage.kills_server();
    for args in [&["watch"][..], &["watch", "--json"]] {
        let watch = stage.mission(args);
        assert_eq!(watch.status.code(), Some(4), "no server is up");
    }
    stage.opens("mission watch; echo left=$?; mission top; echo top=$?");
    let said = stage.shows("top=4");
    assert!(said.contains("left=4") && said.contains("no server is up"), "{said}");
}

#[test]
fn in_a_pipe_watch_prints_each_event_as_a_line() {
    let stage = Stage::new();
    let key = stage.files("Look at the harbour page");
    for args in [&["watch"][..], &["watch", "--lines"], &["watch", "--json"]] {
        let mut watch = stage.begins(args);
        let lines = Lines::of(watch.stdout.take().expect("a pipe"));
        // It begins at now: something happens until it is told.
        let line = until("an event is printed", || {
            stage.says(&["ticket", "comment", &key, "a note"]);
            lines.next()
        });
        watch.kill().expect("killed");
        watch.wait().expect("gone");
        assert!(line.contains(&key) && !line.contains('\u{1b}'), "{line}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&line).is_ok(),
            args.len() > 1 && args[1] == "--json"
        );
    }
}
