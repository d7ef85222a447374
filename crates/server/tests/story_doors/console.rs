//! The console over a real WebSocket: it replays, follows, waits for its viewer, and lets nobody in who may not look.

use std::io::Write as _;
use std::time::Duration;

use axum::http::Method;
use futures::{SinkExt as _, StreamExt as _};
use mission_domain::ids::{AttemptId, TicketKey};
use mission_domain::ticket::{EndClass, LaneRecord, Owed};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::stage::{PATIENCE, Stage, app};

/// A viewer may have this much on its way that it has not shown, in bytes, and one frame more.
const WINDOW: usize = (256 + 64) * 1024;

/// A served home with one attempt that has a journal.
struct Served {
    stage: Stage,
    port: u16,
    key: TicketKey,
    id: AttemptId,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Served {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let key = stage.files("Watch me").await;
        let id = stage.is_claimed(&key, 1).await;
        has_a_lane(&stage, &key, id);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let forever = std::future::pending();
        let server = tokio::spawn(mission_server::serve(listener, app(&stage.control), forever));
        Self { stage, port, key, id, server }
    }

    fn prints(&self, bytes: &[u8]) {
        self.prints_in(self.id, bytes);
    }

    fn prints_in(&self, id: AttemptId, bytes: &[u8]) {
        let path = self.stage.control.paths().lane(id).join("journal");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.append(true).create(true).open(path).unwrap();
        file.write_all(bytes).unwrap();
    }

    /// Asks for the console of `id` with `headers`; the status where it is refused.
    async fn knocks(&self, id: &str, headers: &[(&str, &str)]) -> Result<Viewer, u16> {
        let port = self.port;
        let address = format!("ws://127.0.0.1:{port}/api/v1/attempts/{id}");
        let mut request = address.into_client_request().unwrap();
        for (name, value) in headers {
            let name: axum::http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Viewer { socket }),
            Err(Error::Http(reply)) => Err(reply.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    async fn opens(&self, query: &str) -> Viewer {
        self.opens_of(self.id, query).await
    }

    async fn opens_of(&self, id: AttemptId, query: &str) -> Viewer {
        let token = format!("Bearer {}", self.stage.token);
        let path = format!("{id}/console{query}");
        self.knocks(&path, &[("authorization", &token)]).await.expect("it is let in")
    }

    /// The first attempt's program runs and dies, and a second attempt takes the ticket.
    async fn dies_and_is_followed(&self) -> AttemptId {
        let (stage, key) = (&self.stage, &self.key);
        stage.records(key, self.id, LaneRecord::Began { pid: 1, tmux: None }).await;
        let (class, summary, death) = (EndClass::Crashed, "it crashed".to_owned(), None);
        stage.records(key, self.id, LaneRecord::Exited { class, summary, death }).await;
        let end = tokio::time::Instant::now() + PATIENCE;
        while !matches!(
            stage.control.ticket(key).await.unwrap().0.owed(stage.control.now()),
            Owed::Dispatch { .. }
        ) {
            assert!(tokio::time::Instant::now() < end, "it is not dispatched again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let next = stage.is_claimed(key, 2).await;
        has_a_lane(stage, key, next);
        next
    }
}

/// Puts what a launch leaves behind: from then on it ran here.
fn has_a_lane(stage: &Stage, key: &TicketKey, id: AttemptId) {
    let lane = stage.control.paths().lane(id);
    std::fs::create_dir_all(&lane).unwrap();
    let spec = json!({
        "attempt": id, "epoch": 1, "ticket": key, "role": "planner", "gate": "plan", "runtime": "codex", "driver": "exec",
        "command": ["true"], "cwd": "/", "env": {}, "lane_dir": lane, "brief_file": "/brief", "mission_exe": "/mission",
    });
    std::fs::write(lane.join("spec.json"), spec.to_string()).unwrap();
}

struct Viewer {
    socket: WebSocketStream<TcpStream>,
}

/// What a viewer was sent.
#[derive(Debug)]
enum Sent {
    Bytes(Vec<u8>),
    Said(Value),
    Closed(u16),
}

impl Viewer {
    async fn next_within(&mut self, patience: Duration) -> Option<Sent> {
        loop {
            let next = tokio::time::timeout(patience, self.socket.next()).await.ok()?;
            return match next.expect("the connection is there").unwrap() {
                Message::Binary(bytes) => Some(Sent::Bytes(bytes.to_vec())),
                Message::Text(text) => Some(Sent::Said(serde_json::from_str(&text).unwrap())),
                Message::Close(frame) => {
                    Some(Sent::Closed(frame.map_or(1005, |it| it.code.into())))
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            };
        }
    }

    async fn next(&mut self) -> Sent {
        self.next_within(PATIENCE).await.expect("something in time")
    }

    /// Returns what is said next, passing over bytes.
    async fn hears(&mut self) -> Value {
        loop {
            if let Sent::Said(said) = self.next().await {
                return said;
            }
        }
    }

    /// Reads until `text` was printed; says what of it was shown.
    async fn sees(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        loop {
            if let Sent::Bytes(bytes) = self.next().await {
                self.says(json!({ "type": "shown", "bytes": bytes.len() })).await;
                seen.extend(bytes);
            }
            let all = String::from_utf8_lossy(&seen).into_owned();
            if all.contains(text) {
                return all;
            }
        }
    }

    async fn says(&mut self, said: Value) {
        self.socket.send(Message::text(said.to_string())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_replays_follows_and_goes_on_where_its_viewer_was() {
    let served = Served::new().await;
    served.prints(b"one\ntwo\n");
    let mut viewer = served.opens("").await;
    let state = viewer.hears().await;
    assert_eq!((&state["type"], &state["terminal"]), (&json!("state"), &json!(false)));
    assert_eq!((&state["mine"], &state["held_by"]), (&json!(false), &json!(null)));
    assert_eq!(viewer.sees("two\n").await, "one\ntwo\n");
    served.prints(b"three\n");
    assert_eq!(viewer.sees("three\n").await, "three\n");
    drop(viewer);
    served.prints(b"four\n");
    let mut again = served.opens("?after=14").await;
    again.hears().await;
    assert_eq!(again.hears().await, json!({ "type": "skipped", "from": 14, "to": 14 }));
    assert_eq!(again.sees("four\n").await, "four\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_attempt_is_replayed_by_itself_and_only_read() {
    let served = Served::new().await;
    served.prints(b"the first one's words\n");
    let next = served.dies_and_is_followed().await;
    served.prints_in(next, b"the second one's words\n");
    let mut viewer = served.opens("").await;
    let state = viewer.hears().await;
    assert_eq!((&state["state"], &state["may"]), (&json!("ended"), &json!(false)), "{state}");
    let ended = &served.stage.get(&format!("/api/v1/attempts/{}", served.id)).await.json();
    assert!(ended["ended_at"].is_string(), "{ended}");
    assert_eq!(state["ended_at"], ended["ended_at"]);
    assert_eq!(viewer.sees("words\n").await, "the first one's words\n");
    let more = viewer.next_within(Duration::from_secs(1)).await;
    assert!(more.is_none(), "{more:?} of an attempt that has ended");
    viewer.says(json!({ "type": "take_over" })).await;
    assert_eq!(viewer.hears().await["type"], "refused");
    let mut newest = served.opens_of(next, "").await;
    assert_eq!(newest.hears().await["state"], "starting");
    assert_eq!(newest.sees("words\n").await, "the second one's words\n");
    // The page shows the one that is asked for, with the way to the others.
    let cookie = served.stage.signs_in().await;
    let page = async |query: &str| {
        let path = format!("/tickets/{}{query}", served.key);
        served.stage.ask(Method::GET, &path).header("cookie", &cookie).send().await
    };
    let (newest, earlier) = (page("").await.expect(200), page("?attempt=A-1").await.expect(200));
    let (newest, earlier) = (newest.text(), earlier.text());
    assert!(newest.contains("the second one") && !newest.contains("the first one"));
    let way = format!("href=\"/tickets/{}?attempt=A-1#terminal-A-1\"", served.key);
    assert!(newest.contains(&way), "no way to the earlier attempt");
    assert!(earlier.contains("the first one") && !earlier.contains("the second one"));
    assert!(
        earlier.contains("data-terminal=\"A-1\"") && earlier.contains("attempt=A-2#terminal-A-2")
    );
    let other = served.stage.files("Another ticket").await;
    let path = format!("/tickets/{other}?attempt=A-1");
    served.stage.ask(Method::GET, &path).header("cookie", &cookie).send().await.expect(404);
    let none = page("?attempt=A-99").await.expect(404).text();
    assert!(none.contains("has no attempt <code>A-99</code>"), "{none}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_attempt_that_is_not_there_or_whose_journal_has_gone_says_so() {
    let served = Served::new().await;
    served.prints(b"the first one's words\n");
    let next = served.dies_and_is_followed().await;
    let console = |id: &str| format!("/api/v1/attempts/{id}/console");
    let none = served.stage.get(&console("A-99")).await;
    assert!(none.expect_code(404, "not_found").text().contains("there is no attempt `A-99`"));
    let journal = served.stage.control.paths().lane(served.id).join("journal");
    std::fs::remove_file(journal).unwrap();
    let gone = served.stage.get(&console("A-1")).await.expect_code(410, "journal_gone");
    assert!(gone.text().contains("what `A-1` printed is not kept here any more"));
    // The newest printed nothing yet, which is something else.
    served.stage.get(&console(&next.to_string())).await.expect_code(426, "upgrade_required");
    let cookie = served.stage.signs_in().await;
    let path = format!("/tickets/{}?attempt=A-1", served.key);
    let page = served
        .stage
        .ask(Method::GET, &path)
        .header("cookie", &cookie)
        .send()
        .await
        .expect(200)
        .text();
    assert!(page.contains("What A-1 printed is not kept here any more"), "{page}");
    assert!(!page.contains("data-terminal"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_keep_up_is_sent_a_window_and_later_taken_to_the_end() {
    let served = Served::new().await;
    served.prints(b"begin\n");
    let mut viewer = served.opens("").await;
    viewer.sees("begin\n").await;
    let screen = [b"\x1b[2J".to_vec(), b"x".repeat(20_000), b"\n".to_vec()].concat();
    let mut got = 0;
    for _ in 0..300 {
        served.prints(&screen);
    }
    let mut shown = 0;
    while let Some(sent) = viewer.next_within(Duration::from_secs(1)).await {
        match sent {
            Sent::Bytes(bytes) => got += bytes.len(),
            Sent::Said(said) => assert_eq!(said["type"], "skipped", "{said}"),
            Sent::Closed(code) => panic!("closed: {code}"),
        }
        assert!(got - shown <= WINDOW, "{got} bytes are on their way, {shown} were shown");
    }
    assert!(got > 0 && got < 1_000_000, "{got} of 6 MB");
    served.prints(b"the end\n");
    viewer.says(json!({ "type": "shown", "bytes": got })).await;
    shown = got;
    let rest = viewer.sees("the end\n").await;
    assert!(shown + rest.len() < 2_000_000, "what flew past was passed over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_look_is_refused_before_anything_is_upgraded() {
    let served = Served::new().await;
    let stage = &served.stage;
    let own = format!("{}/console", served.id);
    let token = format!("Bearer {}", stage.token);
    let bearer = ("authorization", token.as_str());
    let status = async |id: &str, headers: &[(&str, &str)]| match served.knocks(id, headers).await {
        Ok(_) => 101,
        Err(status) => status,
    };
    assert_eq!(status(&own, &[]).await, 401);
    assert_eq!(status(&own, &[("authorization", "Bearer guessed")]).await, 401);
    assert_eq!(status(&own, &[bearer, ("host", "evil.example")]).await, 421);
    assert_eq!(status(&own, &[bearer, ("origin", "http://evil.example")]).await, 403);
    assert_eq!(status("A-99/console", &[bearer]).await, 404);
    let lane = format!("Bearer {}", stage.lane_token(served.id).await);
    assert_eq!(status(&own, &[("authorization", &lane)]).await, 403);
    let elsewhere = format!("Bearer {}", stage.new_token("far", "owner", Some("XX")).await);
    assert_eq!(status(&own, &[("authorization", &elsewhere)]).await, 403);
    // A browser: its cookie alone is not enough, its own page is.
    let cookie = stage.signs_in_at(served.port).await;
    let origin = format!("http://127.0.0.1:{}", served.port);
    assert_eq!(status(&own, &[("cookie", &cookie)]).await, 403);
    assert_eq!(status(&own, &[("cookie", &cookie), ("origin", &origin)]).await, 101);
    let plain = stage.get(&format!("/api/v1/attempts/{own}")).await;
    plain.expect_code(426, "upgrade_required");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_looks_and_does_nothing_and_nobody_types_without_having_taken_over() {
    let served = Served::new().await;
    served.prints(b"seen\n");
    let eye = format!("Bearer {}", served.stage.new_token("eye", "viewer", None).await);
    let path = format!("{}/console", served.id);
    let mut eye = served.knocks(&path, &[("authorization", &eye)]).await.expect("may look");
    assert_eq!(eye.hears().await["may"], false);
    eye.sees("seen\n").await;
    for act in ["take_over", "give_back", "interrupt"] {
        eye.says(json!({ "type": act })).await;
        let said = eye.hears().await;
        assert_eq!((&said["type"], &said["code"]), (&json!("refused"), &json!("viewer")), "{act}");
    }
    let mut owner = served.opens("").await;
    assert_eq!(owner.hears().await["may"], true);
    for act in [json!({ "type": "keys", "data": "x" }), json!({ "type": "say", "text": "x" })] {
        owner.says(act).await;
        assert_eq!(owner.hears().await["code"], "not_held");
    }
    owner.says(json!({ "type": "dance" })).await;
    assert_eq!(owner.hears().await["code"], "bad_request");
    // Who only interrupts does not share in the work: nothing is taken over for it.
    owner.says(json!({ "type": "interrupt" })).await;
    let said = owner.hears().await;
    assert_ne!(said["code"], "not_held", "{said}");
    // Nothing runs yet: there is nothing to take over, and nothing is recorded.
    owner.says(json!({ "type": "take_over" })).await;
    assert_eq!(owner.hears().await["type"], "refused");
    let events = served.stage.get("/api/v1/events").await.text();
    assert!(!events.contains("took_over"), "{events}");
    for verb in ["take-over", "give-back"] {
        let path = format!("/api/v1/attempts/{}/{verb}", served.id);
        let token = served.stage.new_token(verb, "viewer", None).await;
        served.stage.ask(Method::POST, &path).token(&token).send().await.expect_code(403, "viewer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_only_look_from_now_on_is_told_so_in_the_open_console() {
    let served = Served::new().await;
    let stage = &served.stage;
    let owner = stage.control.authenticate(&stage.token).await.unwrap().unwrap();
    let code = stage.control.invite("omar", "operator", &owner).await.unwrap();
    let link = format!("/sign-in?code={code}");
    let reply = stage.ask(Method::GET, &link).send().await.expect(303);
    let cookie = reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let cookie = format!("mission_session_{}={}", served.port, cookie.split_once('=').unwrap().1);
    let origin = format!("http://127.0.0.1:{}", served.port);
    let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let path = format!("{}/console", served.id);
    let mut omar = served.knocks(&path, &headers).await.expect("let in");
    assert_eq!(omar.hears().await["may"], true);
    stage.control.change_role("omar", "viewer", &owner).await.unwrap();
    // What is said makes the server look; without it, it looks at the next ping.
    omar.says(json!({ "type": "interrupt" })).await;
    let said = omar.hears().await;
    assert_eq!((&said["type"], &said["may"]), (&json!("state"), &json!(false)), "{said}");
    assert_eq!(omar.hears().await["code"], "viewer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_out_is_out_of_the_console_too() {
    let served = Served::new().await;
    let cookie = served.stage.signs_in_at(served.port).await;
    let origin = format!("http://127.0.0.1:{}", served.port);
    let path = format!("{}/console", served.id);
    let headers = [("cookie", cookie.as_str()), ("origin", origin.as_str())];
    let mut viewer = served.knocks(&path, &headers).await.expect("let in");
    viewer.hears().await;
    for session in served.stage.control.sessions().await.unwrap() {
        let control = &served.stage.control;
        let owner = control.authenticate(&served.stage.token).await.unwrap().unwrap();
        control.end_session(&session.id, &owner).await.unwrap();
    }
    viewer.says(json!({ "type": "take_over" })).await;
    let Sent::Closed(code) = viewer.next().await else { panic!("it was not closed") };
    assert_eq!(code, 4401);
}

#[tokio::test]
async fn a_recording_is_had_while_the_attempt_runs_and_only_of_what_ran_here() {
    let served = Served::new().await;
    served.prints(b"one\npassword=correcthorse\n");
    let path = format!("/api/v1/attempts/{}/recording", served.id);
    let reply = served.stage.get(&path).await.expect(200);
    assert_eq!(reply.header("content-type"), "application/x-asciicast");
    let expected = format!("attachment; filename=\"{}.cast\"", served.id);
    assert_eq!(reply.header("content-disposition"), expected);
    let text = reply.text();
    let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(lines[0]["version"], 2);
    assert_eq!(lines[1], json!([0.0, "o", "one\r\npassword=[masked: password]\r\n"]));
    served.stage.get("/api/v1/attempts/A-99/recording").await.expect(404);
    served.stage.ask(Method::GET, &path).send().await.expect(401);
}
