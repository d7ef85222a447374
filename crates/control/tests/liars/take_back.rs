//! A message that a lane at work may hold is taken back only once the lane let go of it, whatever the lane says instead.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use mission_control::Error;
use mission_domain::ids::{AttemptId, MessageId};
use mission_domain::ticket::{LaneRecord, MessageState};
use mission_runtime::{LaneFiles, ProcessCard};

use crate::stage::{Stage, ada};

/// Where the lane of `attempt` is asked.
fn door(stage: &Stage, attempt: AttemptId) -> UnixListener {
    let dir = stage.control.paths().lane(attempt);
    std::fs::create_dir_all(&dir).expect("a folder");
    let socket = dir.join("shim.sock");
    let _ = std::fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket).expect("a socket");
    let pid = std::process::id().cast_signed();
    let card = ProcessCard { pid, pid_start_time: 0, socket };
    card.write(&LaneFiles::new(&dir).shim()).expect("a card");
    listener
}

/// Hears one request, does `first`, and answers with `reply`; returns what was asked.
fn answers(listener: &UnixListener, reply: &str, first: impl FnOnce()) -> String {
    let (mut stream, _) = listener.accept().expect("somebody asks");
    stream.write_all(b"{\"hello\":{\"protocol\":1}}\n").expect("a hello");
    let mut asked = String::new();
    BufReader::new(&stream).read_line(&mut asked).expect("a request");
    first();
    stream.write_all(reply.as_bytes()).expect("an answer");
    asked
}

/// A shim that the story plays: it answers one request with `reply`, and tells what was asked.
fn shim(stage: &Stage, attempt: AttemptId, reply: &'static str) -> JoinHandle<String> {
    let listener = door(stage, attempt);
    std::thread::spawn(move || answers(&listener, reply, || ()))
}

/// A lane at work, with a message of Ada's that came meanwhile.
async fn with_words(stage: &Stage) -> (AttemptId, MessageId) {
    let attempt = stage.starts().await;
    let said = stage.control.say(&stage.ticket, "use red".into(), None, &ada()).await;
    (attempt, said.expect("it is queued").id.parse().expect("an id"))
}

async fn state(stage: &Stage, id: MessageId) -> MessageState {
    let ticket = stage.look().await;
    ticket.messages.iter().find(|it| it.id == id).expect("it is kept").state
}

async fn refused(stage: &Stage, id: MessageId) -> &'static str {
    match stage.control.withdraw_message(&stage.ticket, id, &ada()).await {
        Err(Error::Rejected(no)) => no.code(),
        other => panic!("it is refused: {other:?}"),
    }
}

#[tokio::test]
async fn a_lane_that_lets_go_of_a_message_never_gets_it() {
    let stage = Stage::new().await;
    let (attempt, id) = with_words(&stage).await;
    let shim = shim(&stage, attempt, "{\"reply\":\"ack\",\"record\":3}\n");
    let told = stage.control.withdraw_message(&stage.ticket, id, &ada()).await.expect("it waits");
    assert_eq!((told.state.as_str(), told.id), ("withdrawn", id.to_string()));
    let asked = shim.join().expect("it was asked");
    assert!(asked.contains("take_back") && asked.contains(&id.to_string()), "{asked}");
    // What the lane claims to have been given after all is not taken for true.
    stage.record(attempt, LaneRecord::Delivered { ids: vec![id] }).await;
    assert_eq!(state(&stage, id).await, MessageState::Withdrawn);
}

#[tokio::test]
async fn what_the_lane_was_given_before_anybody_heard_of_it_stays_delivered() {
    let stage = Stage::new().await;
    let (attempt, id) = with_words(&stage).await;
    let begun = "{\"reply\":\"refused\",\"code\":\"begun\",\"text\":\"it has it\"}\n";
    let shim = shim(&stage, attempt, begun);
    assert_eq!(refused(&stage, id).await, "message_delivered");
    shim.join().expect("it was asked");
    assert_eq!(state(&stage, id).await, MessageState::Queued, "its record says when it came");
    stage.record(attempt, LaneRecord::Delivered { ids: vec![id] }).await;
    assert_eq!(state(&stage, id).await, MessageState::Delivered);
    // Nobody needs to be asked any more.
    assert_eq!(refused(&stage, id).await, "message_delivered");
}

#[tokio::test]
async fn a_lane_that_cannot_be_asked_or_does_not_understand_keeps_the_message() {
    let stage = Stage::new().await;
    let (attempt, id) = with_words(&stage).await;
    assert_eq!(refused(&stage, id).await, "message_held");
    let older = "{\"reply\":\"refused\",\"code\":\"unknown_request\",\"text\":\"no such thing\"}\n";
    let shim = shim(&stage, attempt, older);
    assert_eq!(refused(&stage, id).await, "message_held");
    shim.join().expect("it was asked");
    assert_eq!(state(&stage, id).await, MessageState::Queued);
}

#[tokio::test]
async fn a_lane_is_given_again_what_it_let_go_of_for_nothing() {
    const ACK: &str = "{\"reply\":\"ack\",\"record\":3}\n";
    let stage = Stage::new().await;
    let (attempt, first) = with_words(&stage).await;
    let said = stage.control.say(&stage.ticket, "use blue".into(), None, &ada()).await;
    let second = said.expect("it is queued").id;
    let listener = door(&stage, attempt);
    let (is_asked, asked) = tokio::sync::oneshot::channel();
    let (goes_on, is_on_record) = std::sync::mpsc::channel::<()>();
    let shim = std::thread::spawn(move || {
        answers(&listener, ACK, || {
            is_asked.send(()).expect("the story waits");
            is_on_record.recv().expect("the story goes on");
        });
        answers(&listener, ACK, || ())
    });
    // The lane let go of the first one, and its ticket says no after all: it was on record as delivered in between.
    let meanwhile = async {
        asked.await.expect("the lane is asked");
        stage.record(attempt, LaneRecord::Delivered { ids: vec![first] }).await;
        goes_on.send(()).expect("the shim waits");
    };
    let (refused, ()) = tokio::join!(refused(&stage, first), meanwhile);
    assert_eq!(refused, "message_delivered");
    let asked = shim.join().expect("it was asked again");
    assert!(asked.contains("put_back") && asked.contains(&second), "{asked}");
    assert!(!asked.contains(&first.to_string()), "what is on record is over: {asked}");
}
