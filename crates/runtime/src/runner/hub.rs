//! The runner's one loop: frames of the server, news of the lanes, and the clock meet here; nothing else changes its state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use mission_domain::ids::AttemptId;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::error::{Error, Result};
use crate::proc_tree;
use crate::protocol::{FromRunner, PROTOCOL, ToRunner};
use crate::record::Record;
use crate::runner::Patience;
use crate::runner::connection::Connection;
use crate::runner::follow::{News, Tell};
use crate::runner::lanes::Lane;
use crate::runner::orders;
use crate::runner::talk::Talk;
use crate::runner::tmux::Tmux;
use crate::shim_protocol::{Reply, Request};

/// How long the last frames to a server may take.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What lanes get between SIGTERM and SIGKILL at a shutdown.
const GRACE_MS: u64 = 5_000;

/// The runner's state.
#[derive(Debug)]
pub(crate) struct Hub {
    patience: Patience,
    pub(super) lanes: BTreeMap<AttemptId, Lane>,
    server: Option<(u64, Connection)>,
    pub(super) generations: u64,
    alone_since: Instant,
    alive_at: Instant,
    pub(super) is_closing: bool,
    pub(super) tmux: Arc<Tmux>,
    pub(super) tell: Tell,
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
            tmux: Arc::default(),
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
                Some((attempt, generation, news)) = self.news.recv() => self.learn(attempt, generation, news),
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
        let own = std::process::id().cast_signed();
        let peer = stream.peer_cred().ok().and_then(|it| it.pid());
        if !peer.is_some_and(|peer| proc_tree::may_speak(proc_tree::lane_of(peer), own)) {
            tracing::warn!("a lane's process tried to speak to the runner, and was not heard");
            return;
        }
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

    pub(super) fn send(&self, frame: FromRunner) {
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
            Some(ToRunner::Stop { attempt, grace_ms, by }) => {
                self.order(attempt, Request::Stop { grace_ms, by })
            }
            Some(ToRunner::Turn { attempt, messages, text }) => {
                self.order(attempt, Request::Turn { messages, text })
            }
            Some(ToRunner::Steer { attempt, messages, text, who }) => {
                self.order(attempt, Request::Steer { messages, text, who })
            }
            Some(ToRunner::Interrupt { attempt, by }) => {
                self.order(attempt, Request::Interrupt { by })
            }
            Some(ToRunner::LastTurn { attempt, by }) => {
                self.order(attempt, Request::LastTurn { by })
            }
            Some(ToRunner::TakeOver { attempt, by }) => {
                self.order(attempt, Request::TakeOver { by })
            }
            Some(ToRunner::GiveBack { attempt, by }) => {
                self.order(attempt, Request::GiveBack { by })
            }
            Some(ToRunner::Keys { attempt, by, data }) => {
                self.order(attempt, Request::Keys { by, data })
            }
            Some(ToRunner::Answer { attempt, id, leave, by }) => {
                self.order(attempt, Request::Answer { id, leave, by })
            }
            Some(ToRunner::Ack { attempt, record }) => self.acknowledge(attempt, record),
            Some(ToRunner::Shutdown { stop_lanes }) => self.shut_down(stop_lanes),
            Some(ToRunner::Ping) => self.send(FromRunner::Pong),
            Some(ToRunner::Unknown) => tracing::warn!("a frame of a later version was ignored"),
        }
    }

    /// Sends again what the server has not acknowledged of a lane.
    pub(super) fn repeat(&mut self, attempt: AttemptId) {
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

    /// Takes news in. Those of an earlier following of the same lane are told again by the present one.
    fn learn(&mut self, attempt: AttemptId, generation: u64, news: News) {
        let lane =
            self.lanes.get_mut(&attempt).filter(|lane| lane.following.generation == generation);
        match (news, lane) {
            (News::Pass(frame), _) => self.send(frame),
            (News::Record(entry), Some(lane)) => {
                lane.is_starting = false;
                lane.unacked.insert(entry.number, (*entry).clone());
                if let Record::Started { pid, .. } = entry.record {
                    lane.pid = Some(pid);
                    let tmux = lane.tmux.clone();
                    self.send(FromRunner::Started { attempt, pid, tmux });
                }
                self.send(FromRunner::Record { attempt, entry: *entry });
            }
            (News::Ended(end), Some(lane)) => {
                lane.is_starting = false;
                lane.end = Some(end.clone());
                lane.is_end_sent = self.server.is_some();
                self.send(end);
                self.forget_if_told(attempt);
                self.alone_since = Instant::now();
            }
            (News::Record(_) | News::Ended(_), None) => {}
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

    /// Orders to one lane are carried out one after another.
    fn order(&self, attempt: AttemptId, request: Request) {
        match self.lanes.get(&attempt) {
            // The lane's end is never heard of before its orders are done.
            Some(lane) => drop(lane.orders.send(request)),
            None => {
                let refused = orders::refused(
                    attempt,
                    &request,
                    "unknown_attempt",
                    "this runner follows no such lane",
                );
                refused.into_iter().for_each(|frame| self.send(frame));
            }
        }
    }

    fn say_who_lives(&mut self) {
        self.alive_at = Instant::now() + self.patience.alive;
        for lane in self.lanes.values().filter(|lane| lane.end.is_none()) {
            let following = lane.following.clone();
            tokio::spawn(async move {
                let Ok(mut talk) = Talk::open(&following.files).await else { return };
                if let Ok(Reply::Status { status: progress }) = talk.ask(&Request::Status).await {
                    let attempt = following.attempt;
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
        live.into_iter().for_each(|attempt| {
            self.order(attempt, Request::Stop { grace_ms: GRACE_MS, by: "shutdown".into() })
        });
    }
}
