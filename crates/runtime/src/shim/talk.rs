//! A session with a program that speaks a protocol: the queue is ours, one turn is in flight, and busy is a state, not an error.
//!
//! The shim's loop calls [`Shim::talk_on`]; it lets the driver hear what came, carries out what follows, and sends the next turn
//! when the session is idle. What ends a session is in `talk::close`.

mod close;
mod news;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mission_domain::ids::MessageId;
use serde_json::Value;

use crate::agent::{AgentState, Ask, Leave, Stand, StateSource, TurnEnd, Usage};
use crate::drivers::plan::{LinkKind, plan};
use crate::drivers::{Driver, Hello, Out};
use crate::error::Result;
use crate::launch;
use crate::record::Record;
use crate::shim::child::{self, ChildIo};
use crate::shim::ending::GRACE;
use crate::shim::frames::Frames;
use crate::shim::lane::Shim;
use crate::shim::link::{Change, Link};
use crate::shim::typist::Text;
use close::Closing;

/// How long a program may take to come up and open its session on a machine under load: opencode was seen to take two minutes.
const READY: Duration = Duration::from_secs(240);

/// How long a connection that broke may take to come back.
const BACK: Duration = Duration::from_secs(5);

/// How long an interrupted turn may take to end. Some programs never say that it did.
const INTERRUPTED: Duration = Duration::from_secs(15);

/// A session.
#[derive(Debug)]
pub(crate) struct Talk {
    link: Link,
    driver: Box<dyn Driver>,
    frames: Frames,
    inbox: VecDeque<Value>,
    /// Folders that the lane may change.
    inside: Vec<PathBuf>,
    stand: (AgentState, Instant),
    pub(crate) hello: Option<Hello>,
    flight: Option<Flight>,
    /// What is said before the next turn where an earlier session was gone on with, until the program has it.
    hand_over: Option<String>,
    /// A person works in the program's own screen.
    is_taken_over: bool,
    asks: Vec<Ask>,
    steered: Vec<(String, Vec<MessageId>)>,
    last_tool: Option<(String, String)>,
    repeats: u32,
    pub(crate) usage: Option<Usage>,
    pub(crate) last_end: Option<TurnEnd>,
    /// How a turn ended while a person had the session: judged once they gave it back.
    pub(in crate::shim) unjudged: Option<TurnEnd>,
    /// Whether the attempt has reported through the shim's socket.
    pub(crate) has_reported: bool,
    nudges: u32,
    /// Why things were refused in the turn in flight: some protocols carry no reason to the agent.
    refusals: Vec<String>,
    ready_by: Instant,
    back_by: Option<Instant>,
    end_by: Option<Instant>,
    closing: Option<Closing>,
    /// Why no session could be had.
    pub(crate) cannot_open: Option<String>,
}

/// Our turn in flight.
#[derive(Debug)]
struct Flight {
    number: u32,
    text: Text,
    is_taken: bool,
}

impl Talk {
    fn new(
        (link, driver): (LinkKind, Box<dyn Driver>),
        frames: Frames,
        inside: Vec<PathBuf>,
        now: Instant,
    ) -> Self {
        Self {
            link: Link::new(link, now),
            driver,
            frames,
            inbox: VecDeque::new(),
            inside,
            stand: (AgentState::Starting, now),
            hello: None,
            flight: None,
            hand_over: None,
            is_taken_over: false,
            asks: Vec::new(),
            steered: Vec::new(),
            last_tool: None,
            repeats: 0,
            usage: None,
            last_end: None,
            unjudged: None,
            has_reported: false,
            nudges: 0,
            refusals: Vec::new(),
            ready_by: now + READY,
            back_by: None,
            end_by: None,
            closing: None,
            cannot_open: None,
        }
    }

    /// Takes output of the program; returns what of it is no frame.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (frames, words) = self.link.take(bytes);
        self.inbox.extend(frames);
        words
    }

    /// Returns the connection, for whoever waits on it.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Whether the session is coming to its end.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether the program went on with the session of an earlier attempt.
    fn is_resumed(&self) -> bool {
        self.hello.as_ref().is_some_and(|it| it.is_resumed)
    }

    /// Whether a turn of ours is in flight.
    pub(crate) fn has_flight(&self) -> bool {
        self.flight.is_some()
    }

    /// Returns the state, who says so, and since when.
    pub(crate) fn stand(&self) -> Stand {
        let (state, since) = self.stand;
        let age_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        Stand { state, source: StateSource::Protocol, age_ms }
    }

    /// Returns the last tool that was used, in words.
    pub(crate) fn last_tool(&self) -> Option<String> {
        let (tool, input) = self.last_tool.as_ref()?;
        let input: String = input.chars().take(200).collect();
        Some(format!("{tool} {input}").trim().to_owned())
    }

    /// Returns when [`Shim::talk_on`] has something to do by itself.
    pub(crate) fn due(&self) -> Option<Instant> {
        let coming_up = self.hello.is_none().then_some(self.ready_by);
        let closing = self.closing.as_ref().map(|it| it.next);
        let open = [self.link.due(), coming_up, self.back_by, self.end_by];
        // A session that is closed waits for nothing but its program's end.
        let open = if closing.is_some() { [None; 4] } else { open };
        open.into_iter().chain([closing]).flatten().min()
    }

    fn set(&mut self, state: AgentState) {
        if self.stand.0 != state {
            self.stand = (state, Instant::now());
        }
    }

    /// The state that follows from what is in flight and what is asked.
    fn settle(&mut self) {
        let is_busy = self.flight.is_some() || self.is_taken_over;
        let state = match (&self.hello, is_busy, self.asks.is_empty()) {
            (None, _, _) => AgentState::Starting,
            (Some(_), true, false) => AgentState::AwaitingApproval,
            (Some(_), true, true) => AgentState::Busy,
            (Some(_), false, _) => AgentState::Idle,
        };
        self.set(state);
    }

    pub(in crate::shim) fn is_idle(&self) -> bool {
        self.stand.0 == AgentState::Idle && self.closing.is_none()
    }

    /// Gives the turn in flight its time to end at somebody's wish. Who wishes it again gives it no more.
    fn must_obey(&mut self, now: Instant) {
        self.end_by.get_or_insert(now + INTERRUPTED);
    }

    /// Moves frames both ways and lets the driver hear what came.
    fn exchange(&mut self, now: Instant, out: &mut Out) {
        let mut frames = Vec::new();
        let change = match &mut self.link {
            Link::Lines(_) => Change::None,
            Link::Socket(socket) => socket.step(now, &mut frames),
        };
        self.inbox.extend(frames);
        match change {
            Change::None => {}
            Change::Opened => {
                self.back_by = None;
                self.driver.open(out);
            }
            Change::Lost => self.back_by = Some(now + BACK),
        }
        while let Some(frame) = self.inbox.pop_front() {
            self.frames.heard(&frame);
            self.driver.hear(&frame, out);
        }
    }
}

impl Shim {
    /// Starts the program of a driver with a protocol; `first` is its first turn. False for a driver without one.
    pub(crate) fn begin_talk(&mut self, first: &Text) -> Result<bool> {
        let Some(plan) = plan(&self.spec, &self.door.path)? else { return Ok(false) };
        let (command, confinement) = launch::command(&plan.spec, &self.door.path)?;
        let is_lines = plan.link == LinkKind::Lines;
        let running = child::on_pipes(command, Vec::new(), is_lines)?;
        self.turns.confinement = Some(confinement);
        let (pid, pid_start_time) = (running.pid, running.start_time);
        let output = running.output.clone();
        self.running = Some(running);
        self.note(Record::Started { turn: 1, pid, pid_start_time, output })?;
        let tmp = plan.spec.env.get("TMPDIR").map(PathBuf::from);
        let inside = [self.spec.cwd.clone(), self.spec.lane_dir.clone()].into_iter().chain(tmp);
        let frames = Frames::create(&self.files.frames());
        let mut talk =
            Talk::new((plan.link, plan.driver), frames, inside.collect(), Instant::now());
        talk.hand_over.clone_from(&self.spec.session.hand_over);
        let mut out = Out::default();
        if is_lines {
            talk.driver.open(&mut out);
        }
        self.queue.push_front(first.clone());
        self.talk = Some(talk);
        self.say(std::mem::take(&mut out.say));
        Ok(true)
    }

    /// Lets the session go on: what came, what follows from it, what is due, and the next turn.
    pub(crate) fn talk_on(&mut self) -> Result<()> {
        let Some(talk) = &mut self.talk else { return Ok(()) };
        let mut out = Out::default();
        let now = Instant::now();
        talk.exchange(now, &mut out);
        self.carry_out(out)?;
        self.next_turn()?;
        self.keep_patience(now)
    }

    /// Sends frames to the program.
    fn say(&mut self, frames: Vec<Value>) {
        let Some(talk) = &mut self.talk else { return };
        for frame in frames {
            talk.frames.said(&frame);
            match (&mut talk.link, self.running.as_mut().map(|it| &mut it.io)) {
                (Link::Socket(socket), _) => socket.send(&frame),
                (Link::Lines(_), Some(ChildIo::Pipes { stdin: Some(stdin), .. })) => {
                    stdin.add(format!("{frame}\n").as_bytes());
                }
                (Link::Lines(_), _) => {}
            }
        }
        self.running.iter_mut().for_each(|running| running.feed());
    }

    /// Carries out what the driver wants said and has learnt, and what follows from that.
    fn carry_out(&mut self, mut out: Out) -> Result<()> {
        loop {
            self.say(std::mem::take(&mut out.say));
            let told = std::mem::take(&mut out.told);
            if told.is_empty() && out.say.is_empty() {
                return Ok(());
            }
            for news in told {
                self.learn(news, &mut out)?;
            }
        }
    }

    /// Sends the next turn of the queue when the session is idle.
    fn next_turn(&mut self) -> Result<()> {
        let Some(talk) = self.talk.as_mut().filter(|it| it.is_idle()) else { return Ok(()) };
        if self.stop.is_some() {
            return Ok(());
        }
        // Nothing is in flight: this is the moment at which nothing is cut off.
        if let Some(by) = self.last_turn.clone() {
            self.stop(&by, GRACE);
            return Ok(());
        }
        let Some(text) = self.queue.pop_front() else { return Ok(()) };
        let mark = talk.hand_over.as_deref().filter(|_| talk.is_resumed());
        let said = format!("{}{}", mark.unwrap_or_default(), text.text);
        if mark.is_some() {
            self.journal.take(b"[hand-over] the session goes on with another ticket\n", false);
        }
        let number = self.turns.begun + 1;
        self.turns.begun = number;
        let key = format!("{}.{}/{number}", self.spec.attempt, self.spec.epoch.0);
        let mut out = Out::default();
        talk.driver.send(&key, &said, &mut out);
        talk.flight = Some(Flight { number, text, is_taken: false });
        talk.repeats = 0;
        talk.refusals.clear();
        talk.settle();
        self.journal.take(format!("\n--- turn {number}\n").as_bytes(), false);
        self.carry_out(out)
    }

    /// Ends the turn in flight at somebody's wish. False when none is.
    pub(crate) fn interrupt(&mut self) -> Result<bool> {
        let Some(talk) = &mut self.talk else { return Ok(false) };
        if talk.flight.is_none() && !talk.is_taken_over {
            return Ok(false);
        }
        let mut out = Out::default();
        talk.driver.interrupt(&mut out);
        talk.must_obey(Instant::now());
        self.carry_out(out)?;
        Ok(true)
    }

    /// Puts `text` into the turn in flight where the program can take it there. False when it cannot: then it is queued.
    pub(crate) fn steer(&mut self, messages: &[MessageId], text: &str) -> Result<bool> {
        let Some(talk) = self.talk.as_mut().filter(|it| it.flight.is_some()) else {
            return Ok(false);
        };
        let number = self.log.last();
        let key = format!("{}.{}/s{number}", self.spec.attempt, self.spec.epoch.0);
        let mut out = Out::default();
        if !talk.driver.steer(&key, text, &mut out) {
            return Ok(false);
        }
        talk.steered.push((key, messages.to_vec()));
        self.carry_out(out)?;
        Ok(true)
    }

    /// Gives the answer of a person to a question of the program. False when it waits for none under this id.
    pub(crate) fn give_leave(&mut self, id: &str, leave: &Leave, by: &str) -> Result<bool> {
        let Some(talk) = &mut self.talk else { return Ok(false) };
        let Some(at) = talk.asks.iter().position(|ask| ask.id == id) else { return Ok(false) };
        let ask = talk.asks.remove(at);
        let mut out = Out::default();
        talk.driver.answer(id, leave, &mut out);
        talk.settle();
        self.note(Record::Answered { ask, leave: leave.clone(), by: by.to_owned() })?;
        self.carry_out(out)?;
        Ok(true)
    }

    /// Returns what kept the session from opening, if something did.
    pub(crate) fn session_failure(&self) -> Option<String> {
        let why = self.talk.as_ref()?.cannot_open.as_ref()?;
        Some(format!("no session could be opened: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::claude::Claude;

    #[test]
    fn who_interrupts_again_and_again_gives_the_turn_no_more_time_to_end() {
        let dir = tempfile::tempdir().unwrap();
        let (frames, now) = (Frames::create(&dir.path().join("frames")), Instant::now());
        let driver = Box::new(Claude::new("S".into(), false));
        let mut talk = Talk::new((LinkKind::Lines, driver), frames, Vec::new(), now);
        talk.hello = Some(Hello::default());
        assert_eq!(talk.due(), None);
        for seconds in [0, 5, 14] {
            talk.must_obey(now + Duration::from_secs(seconds));
            assert_eq!(talk.due(), Some(now + INTERRUPTED), "{seconds}");
        }
    }
}
