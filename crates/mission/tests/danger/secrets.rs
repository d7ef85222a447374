//! A lane that got hold of a person's secret (it listened where a server was, or a browser sent it a cookie) is still no person.

use crate::stage::{Machine, until};

/// Asks the server with the secret: openly, with its own files hidden, and gone before anybody can look.
const ASKS: &str = r#"
import ctypes, socket, sys, time
port, secret, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]
body = '{"gate":"work","verdict":"pass","reason":"mine"}'
def ask(request, waits=True):
    other = socket.create_connection(("127.0.0.1", port))
    head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {secret}\r\nConnection: close\r\n"
    other.sendall(f"{request}\r\n{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    if not waits:
        other.close()
        return "unheard"
    return other.recv(100).split(b"\r\n")[0].decode()
print("openly:", ask(f"POST /api/v1/tickets/{key}/verdict HTTP/1.1"))
print("reads:", ask("GET /api/v1/tickets HTTP/1.1"))
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
print("hidden:", ask(f"POST /api/v1/tickets/{key}/verdict HTTP/1.1"))
for n in range(20):
    ask(f"POST /api/v1/tickets/{key}/verdict HTTP/1.1", waits=False)
time.sleep(1)
"#;

#[test]
fn a_lane_that_has_the_owners_secret_signs_nothing_and_reads_nothing_with_it() {
    let machine = Machine::new();
    let first = machine.files("echo done > done.txt; git add .; git commit -q -m done");
    until("the first ticket waits for a person", || {
        (machine.json(&["ticket", "show", &first])["state"] == "in_review").then_some(())
    });
    let secret = std::fs::read_to_string(machine.home().join("credentials")).expect("a secret");
    let (_, url) = machine.server();
    let (_, port) = url.rsplit_once(':').expect("a port");
    let thief = machine.files(&format!(
        "cat > \"$TMPDIR/asks.py\" <<'PY'\n{ASKS}\nPY\npython3 \"$TMPDIR/asks.py\" {port} {} {first}",
        secret.trim()
    ));
    let printed = machine.printed(&thief);
    for how in ["openly", "reads", "hidden"] {
        assert!(printed.contains(&format!("{how}: HTTP/1.1 403")), "{how}:\n{printed}");
    }
    let shown = machine.json(&["ticket", "show", &first]);
    assert_eq!(shown["state"], "in_review", "nobody signed it: {shown}");
    machine.says(&["gate", "pass", &first, "work", "--reason", "seen by me"]);
}
