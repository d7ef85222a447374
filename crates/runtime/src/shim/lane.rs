//! The shim's loop: waits for whatever happens next, attends to it, and lets nothing wait for anything else.

use std::collections::VecDeque;
use std::time::Instant;

use nix::poll::PollTimeout;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::error::{Error, Result};
use crate::files::{self, LaneFiles, ProcessCard};
use crate::proc_tree;
use crate::record::Record;
use crate::record_log::RecordLog;
use crate::shim::child::{ChildIo, Got, Running, read_some};
use crate::shim::door::Door;
use crate::shim::ending::{GRACE, Stop};
use crate::shim::journal::Journal;
use crate::shim::oom::OomWatch;
use crate::shim::os::{Reap, reap};
use crate::shim::outer::Outer;
use crate::shim::sources::Source;
use crate::shim::talk::Talk;
use crate::shim::times::Moments;
use crate::shim::tmux_server::TmuxServer;
use crate::shim::tree;
use crate::shim::turns::Turns;
use crate::shim::typist::Text;
use crate::shim::watch::Watch;
use crate::shim_protocol::{Greeting, PROTOCOL, Reply, ShimHello};
use crate::spec::{Driver, LaunchSpec};

/// More reads than a full pipe needs, and an end to them should something still write.
const DRAIN_READS: usize = 64;

/// One attempt and all that belongs to it.
#[derive(Debug)]
pub(crate) struct Shim {
    pub(crate) spec: LaunchSpec,
    pub(crate) files: LaneFiles,
    pub(crate) log: RecordLog,
    pub(crate) journal: Journal,
    pub(crate) door: Door,
    pub(crate) outer: Option<Outer>,
    pub(crate) tmux: Option<TmuxServer>,
    pub(crate) running: Option<Running>,
    pub(crate) talk: Option<Talk>,
    pub(crate) turns: Turns,
    pub(crate) queue: VecDeque<Text>,
    /// Messages that were accepted, the brief's among them: none is taken twice.
    pub(crate) accepted: std::collections::BTreeSet<mission_domain::ids::MessageId>,
    /// Messages that were let go: they are accepted, and no turn takes them.
    pub(crate) left: std::collections::BTreeSet<mission_domain::ids::MessageId>,
    pub(crate) stop: Option<Stop>,
    /// Who wants the turn in flight to be the last one.
    pub(crate) last_turn: Option<String>,
    /// Who has the session, while somebody has.
    pub(crate) held: Option<String>,
    /// Whether they typed into it yet.
    pub(crate) has_typed: bool,
    pub(crate) watch: Watch,
    pub(crate) oom: OomWatch,
    pub(crate) began: Instant,
    pub(crate) signals: SignalFd,
}

impl Shim {
    /// Takes the lane over: from here on it has one shim for good. [`Error::InUse`] when it had one before.
    pub(crate) fn start(spec: LaunchSpec) -> Result<Self> {
        let began = Instant::now();
        let files = spec.files();
        let log = RecordLog::create(&files.records())?;
        // A pane's first process leads its session already.
        let _ = nix::unistd::setsid();
        nix::sys::prctl::set_child_subreaper(true).map_err(Error::system("set_child_subreaper"))?;
        let mask = SigSet::from_iter([
            Signal::SIGCHLD,
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
            Signal::SIGWINCH,
        ]);
        mask.thread_block().map_err(Error::system("blocking signals"))?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let signals = SignalFd::with_flags(&mask, flags).map_err(Error::system("signalfd"))?;
        let door = Door::open(&files::socket_path(files.dir(), "shim.sock")?)?;
        let pid = std::process::id().cast_signed();
        let pid_start_time = proc_tree::process(pid).map_or(0, |p| p.start_time);
        ProcessCard { pid, pid_start_time, socket: door.path.clone() }.write(&files.shim())?;
        let is_tmux = spec.driver == Driver::Tmux;
        let outer = if is_tmux { Outer::open()? } else { None };
        // Room for the exit record, given back to a disk that has become full meanwhile.
        files::reserve(&files.exit())?;
        Ok(Self {
            log,
            journal: Journal::create(&files.journal(), Moments::create(&files.times(), began))?,
            door,
            outer,
            tmux: TmuxServer::of_this_window().filter(|_| is_tmux),
            running: None,
            talk: None,
            turns: Turns::default(),
            queue: VecDeque::new(),
            accepted: spec.brief_messages.iter().copied().collect(),
            left: std::collections::BTreeSet::new(),
            stop: None,
            last_turn: None,
            held: None,
            has_typed: false,
            watch: Watch::new(&spec.limits, began),
            oom: OomWatch::start(),
            began,
            signals,
            files,
            spec,
        })
    }

    /// Runs the attempt to its end. Whatever goes wrong, the program is ended and an exit record written.
    pub(crate) fn serve(mut self) -> Result<()> {
        let failure = self.work().err();
        if let (Some(_), Some(running)) = (&failure, &self.running) {
            tree::signal_all(running.pid, Signal::SIGKILL);
            let left = tree::end_orphans();
            self.turns.orphans.extend(left.orphans);
            self.drain();
        }
        self.end(failure.as_ref())
    }

    fn work(&mut self) -> Result<()> {
        self.begin()?;
        loop {
            for source in self.wait()? {
                self.attend(source)?;
            }
            self.door.sweep();
            self.keep_limits();
            self.type_on()?;
            self.talk_on()?;
            let is_over = self.running.as_ref().is_some_and(|running| running.reaped.is_some());
            // Nothing begins in a lane that is held still.
            if is_over && !self.files.still().exists() && !self.finish_turn()? {
                return Ok(());
            }
        }
    }

    fn attend(&mut self, source: Source) -> Result<()> {
        match source {
            Source::Signals => return self.hear_signals(),
            Source::Newcomer => {
                let (attempt, epoch) = (Some(self.spec.attempt), Some(self.spec.epoch));
                let hello = ShimHello { protocol: PROTOCOL, attempt, epoch };
                self.door.admit(&Greeting { hello });
            }
            Source::Client(index) => self.hear_client(index),
            Source::Stdin => self.running.iter_mut().for_each(Running::feed),
            Source::Stdout | Source::Stderr | Source::Terminal => {
                self.hear_program(source);
            }
            Source::Pane => self.hear_pane(),
            // What it brings is taken in by `talk_on`, after every round.
            Source::Link => {}
        }
        Ok(())
    }

    fn hear_signals(&mut self) -> Result<()> {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
            match Signal::try_from(number) {
                Ok(Signal::SIGCHLD) => self.reap_all()?,
                Ok(Signal::SIGWINCH) => self.follow_size(),
                Ok(Signal::SIGHUP) => self.hang_up(),
                Ok(other) => self.stop(&format!("{other} to the shim"), GRACE),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn reap_all(&mut self) -> Result<()> {
        while let Reap::One(reaped) = reap().map_err(Error::system("wait4"))? {
            match self.running.as_mut().filter(|running| running.pid == reaped.pid) {
                Some(running) => running.reaped = Some(reaped),
                None if reaped.is_hung_up() => self.turns.hung_up.push(reaped.pid),
                None => {}
            }
        }
        Ok(())
    }

    /// Takes what the program says; returns whether there may be more.
    fn hear_program(&mut self, source: Source) -> bool {
        let mut buffer = [0; 64 * 1024];
        let Some(running) = &mut self.running else { return false };
        let got = match (&mut running.io, source) {
            (ChildIo::Pipes { stdout, .. }, Source::Stdout) => read_end(stdout, &mut buffer),
            (ChildIo::Pipes { stderr, .. }, Source::Stderr) => read_end(stderr, &mut buffer),
            (ChildIo::Terminal { master, .. }, Source::Terminal) => read_end(master, &mut buffer),
            (ChildIo::Pipes { .. } | ChildIo::Terminal { .. }, _) => Got::End,
        };
        let Got::Bytes(length) = got else { return false };
        let (bytes, now) = (&buffer[..length], Instant::now());
        if let Some(typist) = running.typist() {
            typist.saw(bytes, now);
            running.feed();
        }
        match self.talk.as_mut().filter(|_| matches!(source, Source::Stdout)) {
            Some(talk) => {
                let words = talk.take(bytes);
                self.journal.take(&words, false);
            }
            None => self.journal.take(bytes, matches!(source, Source::Stdout)),
        }
        self.watch.progress(now);
        self.outer.iter_mut().for_each(|outer| outer.show(bytes));
        true
    }

    /// Takes what is left after the program's end: nobody holds the other side any more, or only somebody that cannot be ended.
    pub(crate) fn drain(&mut self) {
        for source in [Source::Stdout, Source::Stderr, Source::Terminal] {
            for _ in 0..DRAIN_READS {
                if !self.hear_program(source) {
                    break;
                }
            }
        }
    }

    /// What a person types into the pane goes to the program as it is.
    fn hear_pane(&mut self) {
        let Some(outer) = &mut self.outer else { return };
        outer.flush();
        let mut buffer = [0; 4096];
        match read_some(&mut outer.file, &mut buffer) {
            Got::Bytes(length) => {
                let bytes = &buffer[..length];
                // What cannot be put on record does not reach the program either.
                if self.note_typing(bytes).is_ok() {
                    self.running.iter_mut().for_each(|running| running.press_for_person(bytes));
                }
            }
            Got::NothingYet => {}
            // SIGHUP says the rest; an ended descriptor must not wake the loop for ever.
            Got::End => self.outer = None,
        }
    }

    fn follow_size(&mut self) {
        if let (Some(size), Some(running)) =
            (self.outer.as_ref().and_then(Outer::size), &self.running)
        {
            running.resize(&size);
            self.journal.sized(&size);
        }
    }

    /// Attends to requests that came before the end.
    pub(crate) fn hear_last_requests(&mut self) -> Result<()> {
        for source in self.ready(PollTimeout::ZERO)? {
            match source {
                Source::Newcomer | Source::Client(_) => self.attend(source)?,
                Source::Signals
                | Source::Stdin
                | Source::Stdout
                | Source::Stderr
                | Source::Terminal
                | Source::Pane
                | Source::Link => {}
            }
        }
        Ok(())
    }

    /// Appends `record`, tells the subscribers, and returns its number.
    pub(crate) fn note(&mut self, record: Record) -> Result<u64> {
        let entry = self.log.append(record)?;
        let number = entry.number;
        self.door.tell_subscribers(&Reply::Record { entry });
        Ok(number)
    }
}

/// Reads from an end that may be closed; an end that says so is closed.
fn read_end<R: std::io::Read>(end: &mut Option<R>, buffer: &mut [u8]) -> Got {
    let Some(open) = end else { return Got::End };
    let got = read_some(open, buffer);
    if got == Got::End {
        *end = None;
    }
    got
}
