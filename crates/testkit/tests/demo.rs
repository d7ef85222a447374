//! The demo's project as it is made, and the server of its page.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use mission_domain::config::{self, Found, Source};
use mission_domain::rules::Driver;
use mission_testkit::demo::{self, Layout};
use mission_testkit::serve::Files;

#[expect(clippy::disallowed_methods, reason = "the project's tests are run as a check runs them")]
fn run(dir: &Path, program: &str, args: &[&str]) -> (bool, String) {
    let output = Command::new(program).current_dir(dir).args(args).output().expect("a program");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn made(root: &Path) -> Layout {
    demo::project(root, Path::new("/opt/it's \"here\"/mission"), Duration::from_millis(40))
        .expect("the project")
}

#[test]
fn the_projects_own_tests_pass_and_say_how_many_they_are() {
    let dir = tempfile::tempdir().expect("a folder");
    let layout = made(dir.path());
    let (passed, output) = run(&layout.repository(), "sh", &["tests/run.sh"]);
    assert!(passed, "{output}");
    assert!(output.starts_with("TAP version 13\nok 1 - "), "{output}");
    assert_eq!(output.lines().last(), Some("1..10"));
    let (_, status) = run(&layout.repository(), "git", &["status", "--porcelain"]);
    assert_eq!(status, "");
    let (_, branch) = run(&layout.repository(), "git", &["branch", "--show-current"]);
    assert_eq!(branch.trim(), "main");
}

#[test]
fn its_rules_can_be_read_and_let_no_program_judge_itself() {
    let dir = tempfile::tempdir().expect("a folder");
    let layout = made(dir.path());
    let text = |path| std::fs::read_to_string(path).expect("a file");
    let home = text(layout.home().join("config.toml"));
    let project = text(layout.repository().join("mission.toml"));
    let (home, project) = (
        Source { name: "config.toml", text: &home },
        Source { name: "mission.toml", text: &project },
    );
    assert_eq!(config::home(home).expect("a good file").listen, "127.0.0.1:0");
    let rules = config::rules("harbour", Some(home), Some(project), &Found::default());
    let rules = rules.expect("good files");
    let runtime = |role: &str| {
        rules.roles.values().find(|it| it.id.as_str() == role).expect(role).runtimes[0].clone()
    };
    let (coder, qa) = (&rules.runtimes[&runtime("coder")], &rules.runtimes[&runtime("qa")]);
    assert_eq!((coder.driver, qa.driver), (Driver::Tmux, Driver::Exec));
    let program = |it: &[String]| std::fs::read(&it[0]).expect("a program");
    assert_ne!(program(&coder.command), program(&qa.command), "two programs");
    assert!(String::from_utf8_lossy(&program(&qa.command)).contains("MISSION_DEMO_PACE=40 exec"));
    let preview = rules.preview.expect("a preview");
    assert_eq!(preview.command, r#"'/opt/it'\''s "here"/mission' serve-static web --port $PORT"#);
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("mine"), "x").expect("written");
    let refused =
        demo::project(dir.path(), Path::new("/bin/true"), Duration::ZERO).expect_err("in use");
    assert!(refused.to_string().contains("is not empty"), "{refused}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 1);
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a server");
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn the_page_is_served_and_nothing_outside_its_folder() {
    let dir = tempfile::tempdir().expect("a folder");
    let layout = made(dir.path());
    let web = layout.repository().join("web");
    std::os::unix::fs::symlink("../README.md", web.join("way-out")).expect("a link");
    std::fs::write(web.join(".secret"), "x").expect("written");
    let files = Files::open(&web, 0).expect("a free port");
    let address = files.address().expect("an address");
    assert!(address.ip().is_loopback());
    std::thread::spawn(move || files.serve());
    let get = |path: &str| ask(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
    for path in ["/", "/index.html", "/?where=Marstal", "/%69ndex.html"] {
        let page = get(path);
        assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/html"), "{path}: {page}");
        assert!(page.contains("Marstal"), "{path}");
    }
    assert!(get("/style.css").contains("Content-Type: text/css"));
    for path in [
        "/../README.md",
        "/%2e%2e/README.md",
        "/..%2fREADME.md",
        "/way-out",
        "/.secret",
        "/none",
        "x",
        "/%zz",
        "//etc/passwd",
    ] {
        assert!(get(path).starts_with("HTTP/1.1 404 "), "{path}");
    }
    assert!(ask(address, "POST / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    let head = ask(address, "HEAD / HTTP/1.1\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n"), "no body: {head}");
}
