//! Commands really run here, confined by this machine's kernel.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mission_sandbox::{
    Access, Confined, Exit, Hold, Limits, Network, Outcome, RUN_MARK, leftovers, probe, run,
};

/// A directory to work in, another that is out of bounds, and the ordinary access to the first.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        for name in ["work", "tmp", "secret"] {
            fs::create_dir(root.path().join(name)).expect("a new directory");
        }
        fs::write(root.path().join("secret/key"), "hunter2").expect("a secret");
        Self { root }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    fn sh(&self, script: &str) -> Confined {
        let env: BTreeMap<String, String> = [
            ("PATH".to_string(), "/usr/local/bin:/usr/bin:/bin".to_string()),
            ("TMPDIR".to_string(), self.path("tmp").display().to_string()),
        ]
        .into();
        Confined {
            program: "sh".into(),
            args: vec!["-c".into(), script.into()],
            cwd: self.path("work"),
            access: Access::standard(&env, &self.path("work"), &self.path("tmp")),
            env,
            limits: Limits::default(),
            network: Network::Allowed,
        }
    }

    async fn runs(&self, what: Confined) -> (Outcome, String) {
        let log = self.path("log");
        let outcome = run(what, &log).await.expect("this machine can run commands");
        (outcome, String::from_utf8_lossy(&fs::read(log).expect("a log")).into_owned())
    }
}

fn lives(pid: &Path) -> bool {
    let Ok(text) = fs::read_to_string(pid) else { return false };
    let stat = fs::read_to_string(format!("/proc/{}/stat", text.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.starts_with(" Z"))
}

/// Waits, looking again and again, until `is_so`.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn output_and_errors_are_in_the_log_in_order_and_the_code_is_kept() {
    let place = Place::new();
    let (outcome, log) = place.runs(place.sh("echo one; echo two >&2; echo three; exit 3")).await;
    assert_eq!(outcome.exit, Exit::Exited(3));
    assert_eq!(log, "one\ntwo\nthree\n");
    assert_eq!((outcome.log_bytes, outcome.output_bytes), (14, 14));
    assert!(outcome.max_rss > 100 * 1024, "{} bytes", outcome.max_rss);
    assert!(!outcome.is_success());
}

#[tokio::test]
async fn the_environment_is_what_was_given_and_the_mark() {
    let place = Place::new();
    let mut what = place.sh("");
    (what.program, what.args) = ("env".into(), Vec::new());
    let (_, log) = place.runs(what).await;
    let mut names: Vec<&str> = log.lines().filter_map(|line| line.split('=').next()).collect();
    names.sort_unstable();
    assert_eq!(names, [RUN_MARK, "PATH", "TMPDIR"]);
}

#[tokio::test]
async fn writing_outside_is_refused_and_writing_inside_works() {
    if probe().landlock_version.is_none() {
        eprintln!("skipped: no Landlock here");
        return;
    }
    let place = Place::new();
    let script = "echo in > file && echo tmp > $TMPDIR/file && echo x > /dev/null; \
                  echo out > ../secret/new; echo out > ../new; rm ../secret/key; ln ../secret/key k; true";
    let (outcome, log) = place.runs(place.sh(script)).await;
    assert_eq!(outcome.confinement.filesystem, probe().filesystem);
    assert_eq!(fs::read_to_string(place.path("work/file")).expect("written"), "in\n");
    assert_eq!(fs::read_to_string(place.path("tmp/file")).expect("written"), "tmp\n");
    assert!(!place.path("secret/new").exists() && !place.path("new").exists(), "{log}");
    assert!(place.path("secret/key").exists() && !place.path("work/k").exists(), "{log}");
}

#[tokio::test]
async fn reading_a_directory_that_is_not_listed_is_refused() {
    if probe().landlock_version.is_none() {
        eprintln!("skipped: no Landlock here");
        return;
    }
    let place = Place::new();
    let what = place.sh("cat ../secret/key; ls ../secret");
    assert!(!what.access.reaches(&place.path("secret")));
    assert!(what.access.reaches(&place.path("work")));
    let (_, log) = place.runs(what).await;
    let is_refused = log.contains("ermission denied") || log.contains("No such file");
    assert!(!log.contains("hunter2") && is_refused, "{log}");
    let allowed = place.sh("cat ../secret/key");
    let access = allowed.access.clone().with_read(place.path("secret"));
    let (_, log) = place.runs(Confined { access, ..allowed }).await;
    assert_eq!(log, "hunter2");
}

#[tokio::test]
async fn unrestricted_access_is_recorded_as_not_asked_for() {
    let place = Place::new();
    let what = Confined { access: Access::Unrestricted, ..place.sh("cat ../secret/key") };
    let (outcome, log) = place.runs(what).await;
    assert_eq!(log, "hunter2");
    assert_eq!(outcome.confinement.filesystem, Hold::NotAsked);
}

#[tokio::test]
async fn a_command_cannot_signal_processes_outside() {
    if probe().landlock_version.is_none_or(|version| version < 6) {
        eprintln!("skipped: this kernel's Landlock does not scope signals");
        return;
    }
    let place = Place::new();
    let (_, log) =
        place.runs(place.sh(&format!("kill -0 {} && echo could", std::process::id()))).await;
    assert!(!log.contains("could"), "{log}");
}

#[tokio::test]
async fn a_command_past_its_time_is_killed_with_everything_it_started() {
    let place = Place::new();
    let script = "sleep 1000 & echo $! > child; setsid sleep 1000 & echo $! > escaped; sleep 1000";
    let limits = Limits { wall: Some(Duration::from_millis(400)), ..Limits::default() };
    let (outcome, _) = place.runs(Confined { limits, ..place.sh(script) }).await;
    assert_eq!(outcome.exit, Exit::TimedOut);
    assert!(!lives(&place.path("work/child")) && !lives(&place.path("work/escaped")));
}

#[tokio::test]
async fn what_a_finished_command_leaves_behind_is_killed_and_does_not_hold_the_log_open() {
    let place = Place::new();
    let script = "setsid sh -c 'echo $$ > escaped; exec sleep 1000' & sleep 1000 & \
                  while [ ! -s escaped ]; do :; done; echo done";
    let (outcome, log) = place.runs(place.sh(script)).await;
    assert_eq!((outcome.exit, log.as_str()), (Exit::Exited(0), "done\n"));
    assert!(outcome.killed_leftovers >= 1);
    assert!(!lives(&place.path("work/escaped")));
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_any_more_is_killed() {
    let place = Place::new();
    let (what, log) = (place.sh("echo $$ > pid; exec sleep 1000"), place.path("log"));
    let running = tokio::spawn(async move { run(what, &log).await });
    until("it started", || lives(&place.path("work/pid"))).await;
    running.abort();
    until("it was killed", || !lives(&place.path("work/pid"))).await;
}

#[tokio::test]
async fn not_found_by_the_shell_is_told_apart_from_never_started() {
    let place = Place::new();
    assert_eq!(place.runs(place.sh("no-such-program-here")).await.0.exit, Exit::Exited(127));
    fs::write(place.path("work/file"), "text").expect("a file");
    assert_eq!(place.runs(place.sh("./file")).await.0.exit, Exit::Exited(126));
    let missing = Confined { program: "no-such-program-here".into(), ..place.sh("") };
    let (outcome, log) = place.runs(missing).await;
    assert!(matches!(outcome.exit, Exit::NotStarted(_)), "{:?}", outcome.exit);
    assert_eq!((log.as_str(), outcome.max_rss), ("", 0));
    let nowhere = Confined { cwd: place.path("nowhere"), ..place.sh("true") };
    assert!(matches!(place.runs(nowhere).await.0.exit, Exit::NotStarted(_)));
}

#[tokio::test]
async fn death_by_a_signal_names_the_signal() {
    let place = Place::new();
    assert_eq!(place.runs(place.sh("kill -SEGV $$")).await.0.exit, Exit::Signalled(11));
}

#[tokio::test]
async fn output_past_the_limit_is_dropped_with_a_note() {
    let place = Place::new();
    let limits = Limits { output_bytes: Some(1000), ..Limits::default() };
    let what = Confined { limits, ..place.sh("head -c 5000000 /dev/zero | tr '\\0' x; echo") };
    let (outcome, log) = place.runs(what).await;
    assert_eq!((outcome.exit, outcome.output_bytes), (Exit::Exited(0), 5_000_001));
    assert!(log.starts_with("xxxx") && log.len() < 1100);
    assert!(log.ends_with("[4999001 more bytes of output were not kept]\n"), "{}", &log[990..]);
}

#[tokio::test]
async fn a_tree_over_its_memory_is_killed_and_says_so() {
    let place = Place::new();
    let limits = Limits {
        memory_bytes: Some(50 << 20),
        wall: Some(Duration::from_secs(60)),
        ..Limits::default()
    };
    // `tail` keeps a line that never ends in memory.
    let what = Confined { limits, ..place.sh("head -c 400000000 /dev/zero | tail; sleep 100") };
    let (outcome, _) = place.runs(what).await;
    assert!(outcome.over_memory, "{outcome:?}");
    assert_eq!(outcome.exit, Exit::Signalled(9));
}

#[tokio::test]
async fn a_refused_network_leaves_loopback_only() {
    if probe().network != Hold::Enforced {
        eprintln!("skipped: {:?}", probe().network);
        return;
    }
    let place = Place::new();
    let script = "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '; cat /proc/net/fib_trie | grep -c 127.0.0.1";
    let what = Confined { network: Network::Refused, ..place.sh(script) };
    let (outcome, log) = place.runs(what).await;
    assert_eq!(outcome.confinement.network, Hold::Enforced);
    let interfaces: Vec<&str> = log.lines().filter(|line| line.parse::<u32>().is_err()).collect();
    assert_eq!(interfaces, ["lo"], "{log}");
    assert!(
        log.lines().any(|line| line.parse::<u32>().is_ok_and(|n| n > 0)),
        "loopback is down: {log}"
    );
}

#[test]
fn a_caller_that_owns_the_process_gets_the_same_confinement() {
    if probe().landlock_version.is_none() {
        eprintln!("skipped: no Landlock here");
        return;
    }
    let place = Place::new();
    let what = place.sh("echo in > file; cat ../secret/key; ulimit -d");
    let limits = Limits { memory_bytes: Some(64 << 20), ..Limits::default() };
    let (mut command, confinement) = Confined { limits, ..what }.into_std_command().expect("rules");
    let output = command.output().expect("it starts");
    assert!(confinement.is_kept() && confinement.gaps().is_empty());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "65536\n");
    assert!(place.path("work/file").exists());
}

#[tokio::test]
async fn only_a_process_whose_starter_is_gone_is_a_leftover_and_it_can_be_ended() {
    let place = Place::new();
    // No process has this number: it is above the kernel's largest.
    let gone = "4194305.1.1";
    let script = format!("{RUN_MARK}={gone} sleep 1000 & echo $! > orphan; exec sleep 1000");
    let (what, log) = (place.sh(&script), place.path("log"));
    let running = tokio::spawn(async move { run(what, &log).await });
    let ours = || leftovers().into_iter().filter(|left| left.run == gone).collect::<Vec<_>>();
    until("the orphan is seen", || ours().len() == 1).await;
    let mark = format!("{}.", std::process::id());
    assert!(leftovers().iter().all(|left| !left.run.starts_with(&mark)));
    let orphan = ours().remove(0);
    assert_eq!(orphan.command, "sleep 1000");
    assert!(orphan.end());
    until("it ended", || !lives(&place.path("work/orphan"))).await;
    assert!(!orphan.end());
    running.abort();
}

#[test]
fn the_ordinary_set_opens_toolchains_and_neither_homes_nor_credentials() {
    let home = tempfile::tempdir().expect("a home");
    for dir in [".cargo/bin", ".local/share/mission", ".local/bin", "bin", ".ssh"] {
        fs::create_dir_all(home.path().join(dir)).expect("a directory");
    }
    let at = |name: &str| home.path().join(name);
    fs::write(at(".cargo/credentials.toml"), "token").expect("a file");
    let path = format!("{}:{}:/usr/bin", at(".cargo/bin").display(), at("bin").display());
    let home_text = home.path().display().to_string();
    let env = [("PATH".to_string(), path), ("HOME".to_string(), home_text)].into();
    let access = Access::standard(&env, Path::new("/nowhere/w"), Path::new("/nowhere/t"));
    assert!(access.reaches(&at(".cargo/bin")) && access.reaches(&at("bin")));
    for closed in [".cargo/credentials.toml", ".local/share/mission", ".ssh"] {
        assert!(!access.reaches(&at(closed)), "{closed} is open");
    }
}

#[tokio::test]
async fn a_socket_that_is_not_listed_has_no_path_to_reach_it_by() {
    if !probe().view {
        eprintln!("skipped: no private view here");
        return;
    }
    let place = Place::new();
    let socket = place.path("secret/socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    listener.set_nonblocking(true).expect("a socket");
    let script = format!(
        "perl -MIO::Socket::UNIX -e 'print IO::Socket::UNIX->new(Peer => \"{}\") ? \"reached\" : \"$!\"'",
        socket.display()
    );
    let (outcome, log) = place.runs(place.sh(&script)).await;
    assert_eq!(outcome.exit, Exit::Exited(0), "{log}");
    assert!(log.contains("No such file"), "{log}");
    assert!(listener.accept().is_err(), "somebody came in");
    // Without the view it would: the check can fail.
    let open = Confined { access: Access::Unrestricted, ..place.sh(&script) };
    let (_, log) = place.runs(open).await;
    assert_eq!(log, "reached");
    assert!(listener.accept().is_ok());
}

#[tokio::test]
async fn the_view_holds_the_system_its_links_and_nothing_of_other_homes() {
    if !probe().view {
        eprintln!("skipped: no private view here");
        return;
    }
    let place = Place::new();
    let script = "test -x /bin/sh && test -d /usr/bin && test -r /proc/self/status && echo system; \
                  echo in > /dev/stdout; test -e /dev/null && echo devices; \
                  test -e ../secret || echo hidden; ls / | sort | tr '\\n' ' '";
    let (_, log) = place.runs(place.sh(script)).await;
    for word in ["system", "in", "devices", "hidden"] {
        assert!(log.lines().any(|it| it == word), "{word}: {log}");
    }
    assert!(!log.contains("root") && !log.contains("boot"), "{log}");
}
