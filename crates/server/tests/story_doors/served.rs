//! The server on a socket: it answers by its port alone, and ends within its time.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::stage::{PATIENCE, Stage, app};

async fn ask(port: u16, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn first_line(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 4096];
    let n = tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8_lossy(&bytes[..n]).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_answers_on_its_port_and_stops_with_streams_open() {
    let stage = Stage::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopping = async move {
        let _ = stopped.await;
    };
    let server = tokio::spawn(mission_server::serve(listener, app(&stage.control), stopping));
    let get = |path: &str, host: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nAccept: text/event-stream\r\n\r\n",
            stage.token
        )
    };
    let own = format!("127.0.0.1:{port}");
    let mut healthy = ask(port, &get("/healthz", &own)).await;
    assert_eq!(first_line(&mut healthy).await, "HTTP/1.1 200 OK");
    let mut other = ask(port, &get("/healthz", "127.0.0.1:1")).await;
    assert_eq!(first_line(&mut other).await, "HTTP/1.1 421 Misdirected Request");
    let mut events = ask(port, &get("/api/v1/events", &own)).await;
    assert_eq!(first_line(&mut events).await, "HTTP/1.1 200 OK");
    let mut live = ask(port, &get("/live?page=board", &own)).await;
    assert_eq!(first_line(&mut live).await, "HTTP/1.1 200 OK");
    drop((healthy, other));
    stop.send(()).unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(8), server).await;
    ended.expect("it stops before its time is over").unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "the test is about a process")]
async fn a_process_that_the_server_started_is_no_person_whatever_secret_it_sends() {
    let stage = Stage::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server =
        tokio::spawn(mission_server::serve(listener, app(&stage.control), std::future::pending()));
    let asked = format!(
        "GET /api/v1/tickets HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        stage.token
    );
    let script = r#"exec 3<>"/dev/tcp/127.0.0.1/$1"; printf %s "$2" >&3; head -n 1 <&3"#;
    let child = tokio::process::Command::new("bash")
        .args(["-c", script, "ask", &port.to_string(), &asked])
        .output();
    let said = tokio::time::timeout(PATIENCE, child).await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "HTTP/1.1 403 Forbidden");
    let mut own = ask(port, &asked).await;
    assert_eq!(first_line(&mut own).await, "HTTP/1.1 200 OK");
    server.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_gets_its_answer_over_a_real_connection() {
    let stage = Stage::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server =
        tokio::spawn(mission_server::serve(listener, app(&stage.control), std::future::pending()));
    let size = 10 * 1024 * 1024;
    let head = format!(
        "POST /api/v1/tickets HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n",
        stage.token
    );
    let mut stream = ask(port, &head).await;
    stream.write_all(&vec![b'a'; size]).await.unwrap();
    assert_eq!(first_line(&mut stream).await, "HTTP/1.1 413 Payload Too Large");
    server.abort();
}
