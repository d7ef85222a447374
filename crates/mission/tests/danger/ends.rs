//! What a lane still writes while it is being ended.

use crate::stage::{Machine, until};

/// A lane that commits and writes when it is told to end, and not before.
const LATE: &str = r#"
trap 'echo late > late.txt && git add late.txt && git commit -q -m "at the last moment" && echo later > later.txt; exit 0' TERM
touch ready
while :; do sleep 0.1; done
"#;

fn works(machine: &Machine) -> String {
    let ticket = machine.files_on("own", LATE);
    let ready = machine.at(&format!("home/workspaces/{ticket}/ready"));
    until("the lane is at work", || ready.exists().then_some(()));
    ticket
}

/// Returns what of `ticket` is kept once something is: the names of all files there.
fn kept(machine: &Machine, ticket: &str) -> String {
    let prefix = format!("refs/mission/kept/{}/", ticket.to_lowercase().replace('-', "/"));
    let name = until("its work is kept", || {
        let refs = machine.git("project", &["for-each-ref", "--format=%(refname)", &prefix]);
        refs.lines().last().map(str::to_owned)
    });
    machine.git("project", &["ls-tree", "-r", "--name-only", &name])
}

#[test]
fn what_a_lane_writes_while_it_is_ended_is_kept_before_its_workspace_goes() {
    let machine = Machine::new();
    let ticket = works(&machine);
    machine.says(&["ticket", "cancel", &ticket, "--reason", "no longer needed"]);
    let workspace = machine.at(&format!("home/workspaces/{ticket}"));
    until("its workspace goes", || (!workspace.exists()).then_some(()));
    let kept = kept(&machine, &ticket);
    for file in ["late.txt", "later.txt", "ready"] {
        assert!(kept.lines().any(|it| it == file), "{file} is lost: {kept}");
    }
}

#[test]
fn what_a_lane_writes_while_its_ticket_is_set_aside_is_kept_too() {
    let machine = Machine::new();
    let ticket = works(&machine);
    machine.says(&["ticket", "park", &ticket]);
    let kept = kept(&machine, &ticket);
    for file in ["late.txt", "later.txt", "ready"] {
        assert!(kept.lines().any(|it| it == file), "{file} is not kept: {kept}");
    }
    assert!(machine.at(&format!("home/workspaces/{ticket}/later.txt")).exists());
}
