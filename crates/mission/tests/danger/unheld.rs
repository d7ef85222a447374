//! Machines that cannot hold everything: what holds still does, and what does not is said where somebody signs.

use crate::stage::{Machine, SECRET};

/// Looks at what the person has in their home, and delivers.
const LOOKS: &str = "cat /proc/self/mountinfo > /dev/null; cat \"$LETTERS\" || echo nothing there";

/// What somebody reads who is asked to sign, and where the lane's look at the person's letters led.
fn signs(machine: &Machine) -> (String, String) {
    let letters = machine.at("person/letters.txt").display().to_string();
    let ticket = machine.files(&LOOKS.replace("$LETTERS", &letters));
    let printed = machine.printed(&ticket);
    crate::stage::until("somebody is asked", || {
        let shown = machine.json(&["ticket", "show", &ticket]);
        (shown["state"] == "in_review").then_some(())
    });
    machine.says(&["gate", "pass", &ticket, "work", "--reason", "seen"]);
    let shown = machine.json(&["ticket", "show", &ticket]);
    let held = &shown["gates"][0]["signoffs"][0]["held"];
    (held.as_str().unwrap_or_default().to_owned(), printed)
}

#[test]
fn without_landlock_the_view_of_the_file_system_holds_and_the_gap_is_said_at_the_sign_off() {
    let machine = Machine::without(&["landlock"]);
    let doctor = machine.doctor();
    assert!(doctor.contains("which is discouraged, not prevented: without Landlock"), "{doctor}");
    let (held, printed) = signs(&machine);
    assert!(held.starts_with("discouraged, not prevented: "), "{held}");
    assert!(held.contains("without Landlock"), "{held}");
    assert!(printed.contains("nothing there") && !printed.contains(SECRET), "{printed}");
}

#[test]
fn without_any_sandbox_a_lane_still_works_and_each_sign_off_says_that_nothing_was_prevented() {
    let machine = Machine::without(&["landlock", "unshare"]);
    let doctor = machine.doctor();
    assert!(doctor.contains("discouraged, not prevented: the kernel has no Landlock"), "{doctor}");
    assert!(doctor.contains("use Linux 6.2 or newer"), "{doctor}");
    let (held, printed) = signs(&machine);
    assert!(held.contains("discouraged, not prevented: "), "{held}");
    assert!(held.contains("the kernel has no Landlock"), "{held}");
    assert!(printed.contains(SECRET), "the machine was to hold nothing: {printed}");
}
