//! The disk is full, for real: the home lies on a small file system of its own, in a mount namespace of this test's own.
#![expect(
    clippy::disallowed_methods,
    reason = "the test runs itself again in a namespace, and mounts there"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::place::{Place, wait_for};

/// Set in the process that may mount.
const INSIDE: &str = "MISSION_TEST_INSIDE_NAMESPACE";

/// Set by somebody who accepts that this is not tested where nothing can be mounted.
const MAY_SKIP: &str = "MISSION_TEST_WITHOUT_MOUNT";

/// Room for a home, and little more.
const SIZE: &str = "size=24m";

/// Runs the test `name` again where it may mount; returns whether this is that process.
fn is_inside(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut command = Command::new("unshare");
    if !nix::unistd::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--propagation", "private"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = command.output();
    let said = match &output {
        Ok(output) => {
            String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
        }
        Err(e) => format!("`unshare` cannot be started: {e}"),
    };
    let has_run = said.contains("running 1 test");
    if !has_run && std::env::var_os(MAY_SKIP).is_some() {
        eprintln!("NOT TESTED: nothing can be mounted here, and {MAY_SKIP} accepts it: {said}");
        return false;
    }
    assert!(
        has_run,
        "the full disk cannot be tested: {said}\nrun this as root, or where user namespaces are allowed; \
         {MAY_SKIP}=1 accepts that it is not tested"
    );
    assert!(output.is_ok_and(|it| it.status.success()), "{said}");
    false
}

/// A small file system over the home.
fn mount(at: &Path) {
    std::fs::create_dir_all(at).unwrap();
    let mut mount = Command::new("mount");
    let done = mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(at).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// Takes all the room there is; given back when it is dropped.
struct Filler(PathBuf);

impl Filler {
    fn of(home: &Path) -> Self {
        let path = home.join("filler");
        let mut file = File::create(&path).unwrap();
        for size in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        Self(path)
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

/// An agent whose first attempt waits until it is let. It reports, and again until it is heard: first something small, then something with a file.
const RULES: &str = r#"
[project]
key = "MC"
checks = []

[runtime.scripted]
driver = "exec"
command = ["sh", "@AGENT@"]

[role.planner]
runtimes = ["scripted"]
slots = 1
"#;

const AGENT: &str = r#"
echo 'a plan' > "$TMPDIR/plan.md"
if [ "$MISSION_ATTEMPT" = A-1 ]; then : > "$TMPDIR/wait"; fi
echo at work
while [ -e "$TMPDIR/wait" ]; do sleep 0.05; done
tries() {
    until "$@" > /dev/null 2>&1; do echo refused; sleep 0.1; done
    echo heard
}
tries mission report evidence risk 'the disk may be full'
tries mission report evidence plan "$TMPDIR/plan.md"
tries mission report done --summary planned
"#;

#[test]
fn on_a_full_disk_nothing_acknowledged_is_lost_and_work_goes_on_when_there_is_room() {
    if !is_inside(
        "disk::on_a_full_disk_nothing_acknowledged_is_lost_and_work_goes_on_when_there_is_room",
    ) {
        return;
    }
    let place = Place::new();
    let home = place.home();
    std::fs::write(place.path("agent.sh"), AGENT).unwrap();
    mount(&home);
    let script = place.path("agent.sh").display().to_string();
    let at = place.project("work", &RULES.replace("@AGENT@", &script));
    let mut server = place.up();
    let at_work = place.files(&at, "At work", &[]);
    let journal = home.join("lanes/A-1/journal");
    let said = || std::fs::read_to_string(&journal).unwrap_or_default();
    wait_for("the agent's first words", || said().contains("at work").then_some(()));
    let mut kept = vec![at_work.clone(), place.files(&at, "Next", &[])];
    let filler = Filler::of(&home);
    let body = "a text that takes room ".repeat(400);
    let refused = wait_for("a refusal", || {
        let said = place.mission(&at, &["ticket", "new", "One more", "--body", &body]);
        if said.code == Some(0) {
            kept.push(said.out.trim().to_owned());
            return None;
        }
        Some(said)
    });
    refused.ends_with(4).says(&["the disk is full", "make room", "goes on by itself"]);
    std::fs::remove_file(home.join("lanes/A-1/tmp/wait")).unwrap();
    wait_for("the agent's trouble", || said().contains("refused").then_some(()));
    assert!(server.is_up(), "{}", place.server_log());
    let list = place.mission(&at, &["ticket", "list", "--json"]).succeeds().json();
    assert_eq!(list["tickets"].as_array().unwrap().len(), kept.len());
    let say = ["say", &at_work, "hello"];
    place.mission(&at, &say).ends_with(4).says(&["the disk is full"]);
    drop(filler);
    place.sees(&at, &at_work, |it| it["state"] == "in_review");
    assert_eq!(said().matches("heard").count(), 3, "{}", said());
    let packets = place.mission(&at, &["packet", "show", &at_work, "--json"]).succeeds().json();
    let risk = packets["packets"][0]["risk"].to_string();
    assert!(risk.contains("the disk may be full"), "what was acknowledged is lost: {packets:#}");
    place.sees(&at, &kept[1], |it| it["state"] == "in_review");
    let attempts = place.mission(&at, &["attempt", "list", "--json"]).succeeds().json();
    assert_eq!(attempts["attempts"].as_array().unwrap().len(), 2, "{attempts:#}");
    kept.push(place.files(&at, "There is room", &[]));
    kept.iter().for_each(|key| drop(place.ticket(&at, key)));
    server.stops(&place);
    place.is_whole();
}
