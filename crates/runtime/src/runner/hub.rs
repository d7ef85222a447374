//! The runner's one loop: frames of the server, news of the lanes, and the clock meet here; nothing else changes its state.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use mission_domain::ids::{AttemptId, MessageId};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::files::LaneFiles;
use crate::protocol::{FromRunner, PROTOCOL, ToRunner};
use crate::record::{Numbered, Record};
use crate::runner::Patience;
use crate::runner::connection::Connection;
use crate::runner::follow::{Following, News, Tell};
use crate::runner::talk::Talk;
use crate::shim_protocol::{Reply, Request};
use crate::spec::{LaunchSpec, TmuxPlace};

/// How long the last frames to a server may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What lanes get between SIGTERM and SIGKILL at a shutdown.
const GRACE_MS: u64 = 5_000;

/// How long a request is tried on a shim that is only coming up.
const COMING_UP: Duration = Duration::from_secs(15);

/// A lane as far as the server does not know it yet.
#[derive(Debug)]
struct Lane {
    generation: u64,
    files: LaneFiles,
    tmux: Option<TmuxPlace>,
    pid: Option<i32>,
    unacked: BTreeMap<u64, Numbered>,
    end: Option<FromRunner>,
    is_end_sent: bool,
    task: JoinHandle<()>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The runner's state.
#[derive(Debug)]
pub(crate) struct Hub {
    patience: Patience,
    lanes: BTreeMap<AttemptId, Lane>,
    server: Option<(u64, Connection)>,
    generations: u64,
    alone_since: Instant,
    alive_at: Instant,
    is_closing: bool,
    tell: Tell,
    news: mpsc::UnboundedReceiver<(AttemptId, u64, News)>,
    heard: mpsc::UnboundedSender<(u64, Option<ToRunner>)>,
    frames: mpsc::UnboundedReceiver<(u64, Option<ToRunner>)>,
}

impl Hub {
    pub(crate) fn new(patience: Patience) -> Self {
        let (tell, news) = mpsc::unbounded_channel();
        let (heard, frames) = mpsc::unbounded_channel();
        let now = Instant::now();
        Self {
            patience,
            lanes: BTreeMap::new(),
            server: None,
            generations: 0,
            alone_since: now,
            alive_at: now + patience.alive,
            is_closing: false,
            tell,
            news,
            heard,
            frames,
        }
    }

    /// Serves until it is told to end, or nobody needs it.
    pub(crate) async fn serve(mut self, listener: UnixListener) -> Result<()> {
        loop {
            let has_live = self.lanes.values().any(|lane| lane.end.is_none());
            if self.is_closing && !has_live {
                break;
            }
            let alone = self.server.is_none() && !has_live;
            let idle_at = self.alone_since + self.patience.idle;
            let speaks = self.server.is_some() && has_live;
            tokio::select! {
                admitted = listener.accept() => self.admit(admitted.map_err(Error::system("accept"))?.0),
                Some((generation, frame)) = self.frames.recv() => {
                    if self.server.as_ref().is_some_and(|(current, _)| *current == generation) {
                        self.hear(frame);
                    }
                }
                Some((attempt, generation, news)) = self.news.recv() => {
                    if self.lanes.get(&attempt).is_some_and(|lane| lane.generation == generation) {
                        self.learn(attempt, news);
                    }
                }
                () = tokio::time::sleep_until(idle_at), if alone => break,
                () = tokio::time::sleep_until(self.alive_at), if speaks => self.say_who_lives(),
            }
        }
        if let Some((_, connection)) = self.server.take() {
            connection.finish(LAST_WORDS).await;
        }
        Ok(())
    }

    /// A new server takes over from the old one and hears all that is not acknowledged.
    fn admit(&mut self, stream: UnixStream) {
        self.generations += 1;
        let connection = Connection::open(stream, self.generations, self.heard.clone());
        self.server = Some((self.generations, connection));
        let pid = std::process::id().cast_signed();
        self.send(FromRunner::Hello {
            protocol: PROTOCOL,
            pid,
            version: env!("CARGO_PKG_VERSION").into(),
        });
        let attempts: Vec<AttemptId> = self.lanes.keys().copied().collect();
        for attempt in attempts {
            self.repeat(attempt);
        }
    }

    fn send(&self, frame: FromRunner) {
        if let Some((_, connection)) = &self.server {
            connection.send(frame);
        }
    }

    fn hear(&mut self, frame: Option<ToRunner>) {
        match frame {
            None => {
                self.server = None;
                self.alone_since = Instant::now();
            }
            Some(ToRunner::Start { spec }) => self.start(*spec),
            Some(ToRunner::Adopt { attempt, lane_dir, after_record }) => {
                self.adopt(attempt, &lane_dir, after_record)
            }
            Some(ToRunner::Stop { attempt, grace_ms, by }) => self.stop(attempt, grace_ms, by),
            Some(ToRunner::Turn { attempt, messages, text }) => self.turn(attempt, messages, text),
            Some(ToRunner::Ack { attempt, record }) => self.acknowledge(attempt, record),
            Some(ToRunner::Shutdown { stop_lanes }) => self.shut_down(stop_lanes),
            Some(ToRunner::Ping) => self.send(FromRunner::Pong),
            Some(ToRunner::Unknown) => tracing::warn!("a frame of a later version was ignored"),
        }
    }

    /// Starts an attempt once: one that is known is told again, one that has left files is followed.
    fn start(&mut self, spec: LaunchSpec) {
        let attempt = spec.attempt;
        if self.lanes.contains_key(&attempt) {
            return self.repeat(attempt);
        }
        let files = spec.files();
        if files.records().exists() {
            return self.adopt(attempt, &spec.lane_dir, 0);
        }
        if let Err(e) = spec.check() {
            return self.send(FromRunner::StartFailed { attempt, error: e.in_full() });
        }
        let tmux = spec.tmux.clone();
        self.follow(attempt, files, tmux, |following| tokio::spawn(following.start(spec)));
    }

    /// Follows a lane from its files, forgetting what was known of it.
    fn adopt(&mut self, attempt: AttemptId, lane_dir: &Path, after: u64) {
        let tmux = LaunchSpec::read(lane_dir).ok().and_then(|spec| spec.tmux);
        self.follow(attempt, LaneFiles::new(lane_dir), tmux, |following| {
            tokio::spawn(following.run(after))
        });
    }

    fn follow(
        &mut self,
        attempt: AttemptId,
        files: LaneFiles,
        tmux: Option<TmuxPlace>,
        begin: impl FnOnce(Following) -> JoinHandle<()>,
    ) {
        self.generations += 1;
        let generation = self.generations;
        let following =
            Following { attempt, generation, files: files.clone(), tell: self.tell.clone() };
        let task = begin(following);
        let unacked = BTreeMap::new();
        let lane = Lane {
            generation,
            files,
            tmux,
            pid: None,
            unacked,
            end: None,
            is_end_sent: false,
            task,
        };
        self.lanes.insert(attempt, lane);
    }

    /// Sends again what the server has not acknowledged of a lane.
    fn repeat(&mut self, attempt: AttemptId) {
        let (Some(lane), Some((_, connection))) = (self.lanes.get_mut(&attempt), &self.server)
        else {
            return;
        };
        if let Some(pid) = lane.pid {
            connection.send(FromRunner::Started { attempt, pid, tmux: lane.tmux.clone() });
        }
        for entry in lane.unacked.values() {
            connection.send(FromRunner::Record { attempt, entry: entry.clone() });
        }
        if let Some(end) = &lane.end {
            connection.send(end.clone());
            lane.is_end_sent = true;
        }
        self.forget_if_told(attempt);
    }

    fn learn(&mut self, attempt: AttemptId, news: News) {
        let Some(lane) = self.lanes.get_mut(&attempt) else { return };
        match news {
            News::Record(entry) => {
                if let Record::Started { pid, .. } = entry.record {
                    lane.pid = Some(pid);
                    let tmux = lane.tmux.clone();
                    self.send(FromRunner::Started { attempt, pid, tmux });
                }
                self.lanes
                    .entry(attempt)
                    .and_modify(|lane| drop(lane.unacked.insert(entry.number, (*entry).clone())));
                self.send(FromRunner::Record { attempt, entry: *entry });
            }
            News::Ended(end) => {
                lane.end = Some(end.clone());
                lane.is_end_sent = self.server.is_some();
                self.send(end);
                self.forget_if_told(attempt);
                self.alone_since = Instant::now();
            }
            News::Pass(frame) => self.send(frame),
        }
    }

    fn acknowledge(&mut self, attempt: AttemptId, record: u64) {
        if let Some(lane) = self.lanes.get_mut(&attempt) {
            lane.unacked = lane.unacked.split_off(&record.saturating_add(1));
        }
        self.forget_if_told(attempt);
    }

    /// A lane that has ended is forgotten when the server holds its records and was sent its end. Its files tell it again.
    fn forget_if_told(&mut self, attempt: AttemptId) {
        if self.lanes.get(&attempt).is_some_and(|lane| lane.is_end_sent && lane.unacked.is_empty())
        {
            self.lanes.remove(&attempt);
        }
    }

    fn stop(&self, attempt: AttemptId, grace_ms: u64, by: String) {
        match self.lanes.get(&attempt).filter(|lane| lane.end.is_none()) {
            Some(lane) => {
                let files = lane.files.clone();
                tokio::spawn(async move {
                    if let Err(e) = ask(&files, &Request::Stop { grace_ms, by }).await {
                        tracing::warn!("lane {attempt} was not told to stop: {}", e.in_full());
                    }
                });
            }
            None => tracing::warn!("lane {attempt} is not live here: nothing to stop"),
        }
    }

    fn turn(&self, attempt: AttemptId, messages: Vec<MessageId>, text: String) {
        let refused = |messages, code: &str, text: String| FromRunner::TurnRefused {
            attempt,
            messages,
            code: code.into(),
            text,
        };
        let Some(lane) = self.lanes.get(&attempt) else {
            return self.send(refused(
                messages,
                "unknown_attempt",
                "this runner follows no such lane".into(),
            ));
        };
        let following = Following {
            attempt,
            generation: lane.generation,
            files: lane.files.clone(),
            tell: self.tell.clone(),
        };
        let is_over = lane.end.is_some();
        tokio::spawn(async move {
            let request = Request::Turn { messages: messages.clone(), text };
            let error = match is_over {
                true => {
                    Error::Refused { code: "ended".into(), text: "the attempt has ended".into() }
                }
                false => match ask(&following.files, &request).await {
                    Ok(_) => return,
                    Err(e) => e,
                },
            };
            let (code, text) = match error {
                Error::Refused { code, text } => (code, text),
                other => ("ended".into(), other.in_full()),
            };
            following.say(News::Pass(FromRunner::TurnRefused { attempt, messages, code, text }));
        });
    }

    fn say_who_lives(&mut self) {
        self.alive_at = Instant::now() + self.patience.alive;
        for (attempt, lane) in self.lanes.iter().filter(|(_, lane)| lane.end.is_none()) {
            let (attempt, generation, files, tell) =
                (*attempt, lane.generation, lane.files.clone(), self.tell.clone());
            let following = Following { attempt, generation, files, tell };
            tokio::spawn(async move {
                let Ok(mut talk) = Talk::open(&following.files).await else { return };
                if let Ok(Reply::Status { status: progress }) = talk.ask(&Request::Status).await {
                    following.say(News::Pass(FromRunner::Alive { attempt, progress }));
                }
            });
        }
    }

    fn shut_down(&mut self, stop_lanes: bool) {
        self.is_closing = true;
        if !stop_lanes {
            // The shims go on by themselves; the next runner adopts them.
            return self.lanes.clear();
        }
        let live = self.lanes.iter().filter(|(_, lane)| lane.end.is_none());
        let live: Vec<AttemptId> = live.map(|(attempt, _)| *attempt).collect();
        live.into_iter().for_each(|attempt| self.stop(attempt, GRACE_MS, "shutdown".into()));
    }
}

/// Asks the shim of `files`, waiting for one that is only coming up. One that is gone is an error at once.
async fn ask(files: &LaneFiles, request: &Request) -> Result<Reply> {
    let began = Instant::now();
    loop {
        match Talk::open(files).await {
            Ok(mut talk) => return talk.ask(request).await,
            Err(e) if files.shim().exists() || began.elapsed() > COMING_UP => return Err(e),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}
