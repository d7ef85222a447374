//! The server's side of the runner: finds it, starts it where there is none, and comes back to it when it is gone.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::files::{self, ProcessCard};
use crate::protocol::{FrameReader, FromRunner, PROTOCOL, ToRunner, write_frame};
use crate::runner::CARD;

/// How long a runner may take to come up on a machine under load.
const COMING_UP: Duration = Duration::from_secs(15);

/// The longest pause between two tries to get a runner back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How many frames of the runner may wait for the server before the runner is made to wait.
const WAITING_FRAMES: usize = 256;

/// Speaks to the runner of one folder. Clones speak to the same; when all are dropped, the connection closes and the lanes go on.
#[derive(Debug, Clone)]
pub struct RunnerClient {
    frames: mpsc::UnboundedSender<ToRunner>,
}

impl RunnerClient {
    /// Connects to the runner of `dir`, starting `exe runner-local DIR` where there is none. The first frame received is its `Hello`,
    /// and another `Hello` comes after each reconnection: the server then sends `Adopt` for each attempt that it takes for live, and
    /// `Start` again for those it has not heard of; frames sent into a connection that broke may be lost.
    pub async fn connect_or_spawn(
        dir: &Path,
        exe: &Path,
    ) -> Result<(Self, mpsc::Receiver<FromRunner>)> {
        let place = Place { dir: dir.to_owned(), exe: exe.to_owned() };
        let (link, hello) = place.reach().await?;
        let (frames, requests) = mpsc::unbounded_channel();
        let (tell, received) = mpsc::channel(WAITING_FRAMES);
        tokio::spawn(place.keep(link, hello, requests, tell));
        Ok((Self { frames }, received))
    }

    /// Sends `frame`, or keeps it until the runner is back. An error means that the runner was shut down through this client.
    pub fn send(&self, frame: ToRunner) -> Result<()> {
        let ended =
            |_| Error::Refused { code: "ended".into(), text: "the runner was shut down".into() };
        self.frames.send(frame).map_err(ended)
    }
}

/// Where the runner is and how it is started.
#[derive(Debug)]
struct Place {
    dir: PathBuf,
    exe: PathBuf,
}

#[derive(Debug)]
struct Link {
    input: FrameReader<ReadHalf<UnixStream>>,
    output: WriteHalf<UnixStream>,
}

/// Why a connection is not used any more.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// Nobody wants it.
    Unwanted,
    /// The runner is gone.
    Lost,
}

impl Place {
    async fn reach(&self) -> Result<(Link, FromRunner)> {
        files::private_dir(&self.dir)?;
        if let Ok(reached) = self.connect().await {
            return Ok(reached);
        }
        let mut child = self.spawn()?;
        let began = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            match self.connect().await {
                Ok(reached) => return Ok(reached),
                Err(e @ Error::Protocol { .. }) => return Err(e),
                Err(_) if began.elapsed() < COMING_UP => {}
                Err(e) => return Err(e),
            }
            // Another server may have been faster: its runner then holds the lock, and is the one to connect to.
            let ended = child.try_wait().ok().flatten();
            if ended.is_some_and(|status| !status.success())
                && began.elapsed() > Duration::from_secs(2)
            {
                let log = self.dir.join("runner.log").display().to_string();
                return Err(Error::TimedOut(format!("the runner ended at once (see `{log}`): it")));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    async fn connect(&self) -> Result<(Link, FromRunner)> {
        let card_path = self.dir.join(CARD);
        let unreachable = |socket: PathBuf| move |source| Error::Unreachable { socket, source };
        let missing = || unreachable(card_path.clone())(std::io::ErrorKind::NotFound.into());
        let card = ProcessCard::read(&card_path).ok_or_else(missing)?;
        let stream = UnixStream::connect(&card.socket).await.map_err(unreachable(card.socket))?;
        let (input, output) = tokio::io::split(stream);
        let mut link = Link { input: FrameReader::new(input), output };
        let hello = tokio::time::timeout(COMING_UP, link.input.next::<FromRunner>()).await;
        let hello = hello.map_err(|_| Error::TimedOut("the runner".into()))??;
        match hello {
            Some(FromRunner::Hello { protocol, .. }) if protocol != PROTOCOL => {
                Err(Error::Protocol { peer: "runner".into(), theirs: protocol, ours: PROTOCOL })
            }
            Some(hello) => Ok((link, hello)),
            None => Err(missing()),
        }
    }

    /// The runner makes a session of its own and outlives this process.
    #[expect(clippy::disallowed_methods, reason = "the server starts its runner")]
    fn spawn(&self) -> Result<tokio::process::Child> {
        let path = self.dir.join("runner.log");
        let log = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        let log = log.map_err(Error::file(path))?;
        let mut command = Command::new(&self.exe);
        command.arg("runner-local").arg(&self.dir).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let program = self.exe.display().to_string();
        command.spawn().map_err(|source| Error::Spawn { program, source })
    }

    /// Passes frames both ways for as long as somebody wants it.
    async fn keep(
        self,
        mut link: Link,
        mut hello: FromRunner,
        mut requests: mpsc::UnboundedReceiver<ToRunner>,
        tell: mpsc::Sender<FromRunner>,
    ) {
        let mut pause = Duration::from_millis(20);
        loop {
            if tell.send(hello).await.is_err()
                || pump(&mut link, &mut requests, &tell).await == Ended::Unwanted
            {
                return;
            }
            (link, hello) = loop {
                match self.reach().await {
                    Ok(reached) => break reached,
                    Err(e) => tracing::error!("no runner, lanes go on without: {}", e.in_full()),
                }
                if tell.is_closed() {
                    return;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            };
            pause = Duration::from_millis(20);
        }
    }
}

/// Passes frames until one side is gone. After a shutdown the rest of the runner's frames is passed on.
async fn pump(
    link: &mut Link,
    requests: &mut mpsc::UnboundedReceiver<ToRunner>,
    tell: &mpsc::Sender<FromRunner>,
) -> Ended {
    let mut is_shutting_down = false;
    loop {
        tokio::select! {
            frame = link.input.next::<FromRunner>() => match frame {
                Ok(Some(frame)) => {
                    if tell.send(frame).await.is_err() {
                        return Ended::Unwanted;
                    }
                }
                Ok(None) | Err(_) if is_shutting_down => return Ended::Unwanted,
                Ok(None) | Err(_) => return Ended::Lost,
            },
            request = requests.recv(), if !is_shutting_down => {
                let Some(request) = request else { return Ended::Unwanted };
                is_shutting_down = matches!(request, ToRunner::Shutdown { .. });
                if write_frame(&mut link.output, &request).await.is_err() {
                    return if is_shutting_down { Ended::Unwanted } else { Ended::Lost };
                }
            }
        }
    }
}
