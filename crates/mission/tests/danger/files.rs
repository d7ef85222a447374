//! A lane that hands a file in and swaps it for a link to the person's own, or for a pipe that nobody writes to.

use std::fs;
use std::path::Path;

use crate::stage::{Machine, SECRET, until};

/// Hands the same name in again and again, past the tools, while something else is put there again and again.
const SWAPS: &str = r#"
import json, os, socket, threading
folder = os.path.join(os.environ["MISSION_LANE_DIR"], "evidence")
secret = os.path.join(os.environ["HOME"], "letters.txt")
name, next = os.path.join(folder, "plan.md"), os.path.join(folder, "next")
over = threading.Event()
def plain():
    with open(next, "w") as file:
        file.write("1. do it")
def swaps():
    while not over.is_set():
        for step in (plain, lambda: os.symlink(secret, next), lambda: os.mkfifo(next)):
            step()
            os.rename(next, name)
swapper = threading.Thread(target=swaps)
swapper.start()
shim = socket.socket(socket.AF_UNIX)
shim.connect(os.environ["MISSION_SOCKET"])
lines = shim.makefile("rw")
lines.readline()
for number in range(300):
    value = {"kind": "plan", "text": f"plan {number}", "file": "plan.md"}
    lines.write(json.dumps({"op": "evidence", "value": value}) + "\n")
    lines.flush()
    assert json.loads(lines.readline())["reply"] == "ack"
over.set()
swapper.join()
os.symlink(secret, next)
os.rename(next, name)
print("handed in")
"#;

fn is_told(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|it| {
        let path = it.path();
        if path.is_dir() {
            return is_told(&path);
        }
        String::from_utf8_lossy(&fs::read(&path).expect("an artifact")).contains(SECRET)
    })
}

#[test]
fn a_file_that_is_swapped_while_it_is_handed_in_gives_nothing_away_and_holds_nobody_up() {
    let machine = Machine::new();
    let thief = machine.files(&format!(
        "cat > \"$TMPDIR/swaps.py\" <<'PY'\n{SWAPS}\nPY\npython3 \"$TMPDIR/swaps.py\""
    ));
    let printed = machine.printed(&thief);
    assert!(printed.contains("handed in"), "{printed}");
    until("the ticket waits for a person", || {
        (machine.json(&["ticket", "show", &thief])["state"] == "in_review").then_some(())
    });
    let artifacts = machine.home().join("artifacts");
    assert!(artifacts.is_dir() && !is_told(&artifacts), "what is the person's was kept");
    let packets = machine.json(&["packet", "show", &thief]);
    let kept = packets["packets"][0]["artifacts"].as_array().map_or(0, Vec::len);
    assert!(kept > 0, "no plan was ever there: {packets:#}");
}
