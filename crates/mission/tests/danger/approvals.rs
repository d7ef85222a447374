//! A guarded command from the lane's first try to what came of it.

use crate::stage::Machine;

/// A lane that has something to push, and pushes.
const PUSH: &str = r#"
echo new > new.txt && git add new.txt && git commit -q -m "something new"
git push origin HEAD:refs/heads/topic
echo "git push exited with $?"
"#;

#[test]
fn a_push_is_asked_for_shown_permitted_once_run_and_told() {
    let machine = Machine::new();
    let ticket = machine.files(PUSH);
    let asked = machine.approval(&ticket, "requested");
    let id = asked["id"].as_str().expect("an id");
    assert_eq!(asked["command"], "git push origin HEAD:refs/heads/topic");
    assert_eq!(asked["effect"], "push");
    assert_eq!(asked["by"], "lane:hand/hand");
    let printed = machine.printed(&ticket);
    assert!(printed.contains(&format!("asked for approval {id}; not run")), "{printed}");
    assert!(printed.contains("git push exited with 77"), "{printed}");
    assert_eq!(machine.git("outside/origin.git", &["for-each-ref"]), "", "nothing was pushed");

    let shown = machine.json(&["ticket", "show", &ticket]);
    assert_eq!(shown["state"], "needs_input");
    assert!(machine.says(&["needs-you"]).contains(&format!("mission approve {id}")));
    machine.says(&["approve", id]);
    let ran = machine.approval(&ticket, "run");
    assert_eq!((&ran["exit_code"], &ran["answered_by"]), (&0.into(), &"person:ada".into()));
    let workspace = format!("home/workspaces/{ticket}");
    let head = machine.git(&workspace, &["rev-parse", "HEAD"]);
    assert_eq!(machine.git("outside/origin.git", &["rev-parse", "topic"]), head);

    let (code, said) = machine.mission(&["approve", id]);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("is run already"), "{said}");
    let inbox = machine.says(&["inbox", &ticket]);
    assert!(inbox.contains(id) && inbox.contains("exit code 0"), "{inbox}");

    // What the person looked at, and what it printed, stay as long as the record names them.
    let unused = machine.json(&["gc", "--dry-run"]);
    for kept in [&asked["diff"], &ran["output"]] {
        assert!(kept.is_string(), "{ran}");
        assert!(!unused["artifacts"].as_array().expect("a list").contains(kept), "{unused}");
    }
}

#[test]
fn a_denial_runs_nothing_and_tells_the_lane_why() {
    let machine = Machine::new();
    let ticket = machine.files(PUSH);
    let asked = machine.approval(&ticket, "requested");
    let id = asked["id"].as_str().expect("an id");
    machine.says(&["deny", id, "--reason", "not on a Friday"]);
    let denied = machine.approval(&ticket, "denied");
    assert_eq!(denied["reason"], "not on a Friday");
    assert_eq!(machine.git("outside/origin.git", &["for-each-ref"]), "");
    assert!(machine.says(&["inbox", &ticket]).contains("not on a Friday"));
    assert_eq!(machine.mission(&["approve", id]).0, 3);
}

#[test]
fn what_changed_since_it_was_asked_for_is_not_run() {
    let machine = Machine::new();
    let here = |ticket: &str| format!("home/workspaces/{ticket}");
    let void = |script: &str, change: &dyn Fn(&str)| {
        let ticket = machine.files(script);
        let asked = machine.approval(&ticket, "requested");
        machine.printed(&ticket);
        change(&here(&ticket));
        machine.says(&["approve", asked["id"].as_str().expect("an id")]);
        machine.approval(&ticket, "void")["code"].clone()
    };
    let files = void(PUSH, &|dir| {
        std::fs::write(machine.at(dir).join("later.txt"), "more\n").expect("a file");
    });
    assert_eq!(files, "files_changed");
    let ignored = "mkdir out && echo out/ > .gitignore && echo safe > out/a && mission report approval -- sh out/a";
    let ignored = void(ignored, &|dir| {
        std::fs::write(machine.at(dir).join("out/a"), "evil\n").expect("a file");
    });
    assert_eq!(ignored, "files_changed");
    let branch = "git branch notes; git push origin notes:topic";
    let branch = void(branch, &|dir| {
        let evil = machine.git(dir, &["commit-tree", "-m", "evil", "HEAD^{tree}"]);
        machine.git(dir, &["branch", "-f", "notes", &evil]);
    });
    assert_eq!(branch, "files_changed");
    let author = ["-c", "user.name=hand", "-c", "user.email=hand@example.org"];
    let commit = void(PUSH, &|dir| {
        machine.git(dir, &[&author[..], &["commit", "-q", "--allow-empty", "-m", "more"]].concat());
    });
    assert_eq!(commit, "commit_changed");
    let folder = void("mkdir one two && cd one && docker version", &|dir| {
        std::fs::remove_dir(machine.at(dir).join("one")).expect("removed");
        std::os::unix::fs::symlink("two", machine.at(dir).join("one")).expect("a link");
    });
    assert_eq!(folder, "cwd_changed");
    assert_eq!(machine.git("outside/origin.git", &["for-each-ref"]), "", "nothing was pushed");
}

#[test]
fn a_lane_that_rigs_its_git_is_refused() {
    let machine = Machine::new();
    let script = format!("git config core.sshCommand 'touch rigged'\n{PUSH}");
    let ticket = machine.files(&script);
    let void = machine.approval(&ticket, "void");
    assert_eq!(void["code"], "config_changed");
    assert!(void["note"].as_str().is_some_and(|it| it.contains("core.sshcommand")), "{void}");
}

#[test]
fn a_rigged_git_is_refused_behind_other_words_and_so_is_a_repository_of_the_lanes_own() {
    let machine = Machine::new();
    let refused = |script: &str| {
        let void = machine.approval(&machine.files(script), "void");
        assert_eq!(void["code"], "config_changed", "{script}: {void}");
        void["note"].as_str().expect("a note").to_owned()
    };
    let behind =
        "git config remote.origin.receivepack ./evil\nmission report approval -- sh deploy.sh";
    assert!(refused(behind).contains("remote.origin.receivepack"));
    let nested = "git init -q sub && cd sub && mission report approval -- git push origin main";
    assert!(refused(nested).contains("a repository of its own"));
    let bare =
        "git init -q --bare sub && cd sub && mission report approval -- git push origin main";
    assert!(refused(bare).contains("a repository of its own"));
    let there = "git init -q sub && mission report approval -- git -C sub push origin main";
    assert!(refused(there).contains("a repository of its own"));
    let by_option =
        "git init -q sub && mission report approval -- git --git-dir=sub/.git push origin main";
    assert!(refused(by_option).contains("a repository of its own"));
    for other in [
        "git --namespace x -C sub push origin main",
        "git --attr-source HEAD -C sub push origin main",
        "env git -C sub push origin main",
        "env GIT_DIR=sub/.git git push origin main",
        "sh -c 'cd sub && git push origin main'",
    ] {
        let there = format!("git init -q sub && mission report approval -- {other}");
        assert!(refused(&there).contains("a repository of its own"), "{other}");
    }
    let rigged = "git init -q sub && git -C sub config remote.origin.receivepack ./evil\nmission report approval -- sh deploy.sh";
    assert!(refused(rigged).contains("remote.origin.receivepack in `sub`"));
    for script in [
        "mkdir ../dep 2>/dev/null; mkdir -p \"$TMPDIR/dep\"; ln -s \"$TMPDIR/dep\" deploy; mission report approval -- sh deploy/run.sh",
        "mission report approval -- sh \"$TMPDIR/run.sh\"",
        "mission report approval -- sh /dev/shm/run.sh",
    ] {
        let void = machine.approval(&machine.files(script), "void");
        assert_eq!(void["code"], "outside", "{script}: {void}");
    }
    let outside = "mission report approval -- git -C / push origin main";
    let outside = machine.approval(&machine.files(outside), "void");
    assert_eq!(outside["code"], "outside", "{outside}");
}

#[test]
fn the_command_line_shows_what_was_there_and_no_sign_of_it_moves_the_terminal() {
    let machine = Machine::new();
    let script = r#"
printf 'a \033[2Kline\n' > new.txt && mkdir out && echo out/ > .gitignore
printf 'to: production\n' > out/deploy.yml
mission report approval -- sh -c 'TOKEN=ghp_0123456789012345678901234567890123456789 true' out/deploy.yml
"#;
    let ticket = machine.files(script);
    let asked = machine.approval(&ticket, "requested");
    let id = asked["id"].as_str().expect("an id");
    assert!(machine.says(&["approval", "list"]).contains(&format!("mission approval show {id}")));
    let shown = machine.says(&["approval", "show", id]);
    assert!(shown.contains(r"│ +a \x1b[2Kline") && !shown.contains('\u{1b}'), "{shown}");
    assert!(shown.contains("│ out/deploy.yml (ignored by git, named by the command):"), "{shown}");
    assert!(shown.contains("│ to: production"), "{shown}");
    machine.says(&["deny", id, "--reason", "enough seen"]);
    assert_eq!(machine.mission(&["approval", "show", "P-999.1"]).0, 1);
}

#[test]
fn a_server_that_dies_in_the_middle_runs_nothing_twice_and_asks_again() {
    let mut machine = Machine::new();
    let count = machine.at("outside/count");
    let script =
        format!("mission report approval -- sh -c 'echo once >> {}; sleep 1000'", count.display());
    let ticket = machine.files(&script);
    let asked = machine.approval(&ticket, "requested");
    let id = asked["id"].as_str().expect("an id").to_owned();
    machine.printed(&ticket);
    machine.says(&["approve", &id]);
    crate::stage::until("it runs", || std::fs::read_to_string(&count).ok());
    machine.kills_server();
    machine.starts();
    let again = machine.approval(&ticket, "requested");
    assert_eq!(again["id"], id.as_str());
    assert!(again["note"].as_str().is_some_and(|it| it.contains("not known")), "{again}");
    assert_eq!(std::fs::read_to_string(&count).expect("it ran"), "once\n");
    machine.says(&["deny", &id, "--reason", "it hangs"]);
}

/// A lane that asks, and goes on: as soon as the command runs it puts something else in its place.
const SWAPPED: &str = r#"
echo started > .gitignore && echo swapped >> .gitignore
echo 'echo good' > step.sh
cat > deploy.sh <<'END'
touch started
for i in $(seq 30); do test -e swapped && break; sleep 0.1; done
sh step.sh > "$1"
END
mission report approval -- sh deploy.sh RESULT
until test -e started; do sleep 0.01; done
echo 'echo evil' > step.sh
touch swapped
"#;

#[test]
fn a_lane_that_goes_on_cannot_swap_what_a_person_saw_while_it_runs() {
    let machine = Machine::new();
    let result = machine.at("outside/result");
    let ticket = machine.files(&SWAPPED.replace("RESULT", &result.display().to_string()));
    let asked = machine.approval(&ticket, "requested");
    machine.says(&["approve", asked["id"].as_str().expect("an id")]);
    let ran = machine.approval(&ticket, "run");
    assert_eq!(ran["exit_code"], 0, "{ran}");
    assert_eq!(std::fs::read_to_string(&result).expect("it ran"), "good\n");
    // It was held still, not ended.
    machine.printed(&ticket);
    let step = machine.at(&format!("home/workspaces/{ticket}/step.sh"));
    assert_eq!(std::fs::read_to_string(step).expect("it is there"), "echo evil\n");
}
