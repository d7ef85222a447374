//! Starts a project's own preview on a free port, waits until it answers, and takes pictures of its pages.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mission_domain::ids::Timestamp;
use mission_sandbox::{Limits, Network, Outcome};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::checks::{CheckEnv, shell};
use crate::error::io;
use crate::screenshot::{Browser, Picture, Scheme, Target, View};
use crate::{Error, Result};

/// How long between two questions whether the preview answers.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// How long one page may take to be drawn.
const PAGE_LIMIT: Duration = Duration::from_secs(30);
/// The window's height for each width of the contract: desktop, tablet, phone.
const HEIGHTS: [(u32, u32); 2] = [(600, 844), (1_200, 1_024)];
const TALLEST_WIDTH: u32 = 900;

/// What to start and when it is ready.
#[derive(Debug, Clone)]
pub struct PreviewSpec<'a> {
    /// The command line; `$PORT` is in its environment.
    pub command: &'a str,
    /// The address that answers when it is ready, on this machine, with `$PORT` in it.
    pub ready: &'a str,
    /// How long it may take to be ready.
    pub deadline: Duration,
    /// How long it may live altogether.
    pub lifetime: Duration,
}

/// A preview that answers. Its whole tree is killed when this is dropped.
#[derive(Debug)]
pub struct Preview {
    /// The port that it listens on.
    pub port: u16,
    task: Task,
}

/// One picture of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagePicture {
    /// The page, like `/settings`.
    pub page: String,
    /// The window's width.
    pub width: u32,
    /// The colour scheme.
    pub scheme: Scheme,
    /// The picture.
    pub picture: Picture,
}

/// Ends the command's task, which kills its tree, when nobody holds it any more.
#[derive(Debug)]
struct Task(JoinHandle<Result<Outcome>>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Preview {
    /// Starts the command in `dir`, its output in a new file at `log`, and waits until it answers.
    ///
    /// Its network is allowed whatever `env` says: a private one could not be reached.
    ///
    /// # Errors
    /// [`Error::Preview`] where it ends or does not answer in time; the message ends with its last output.
    pub async fn start(
        spec: &PreviewSpec<'_>,
        dir: &Path,
        env: &CheckEnv,
        log: &Path,
    ) -> Result<Self> {
        let port = free_port()?;
        let ready = Address::read(
            &spec.ready.replace("${PORT}", "$PORT").replace("$PORT", &port.to_string()),
        )?;
        let mut env = CheckEnv { network: Network::Allowed, ..env.clone() };
        env.env.insert("PORT".into(), port.to_string());
        let limits =
            Limits { wall: Some(spec.lifetime), output_bytes: Some(4 << 20), memory_bytes: None };
        let (dir, line, path) = (dir.to_path_buf(), spec.command.to_string(), log.to_path_buf());
        let run = async move { shell(&dir, &line, &env, limits, &path).await };
        let mut task = Task(tokio::spawn(run));
        let until = Instant::now() + spec.deadline;
        loop {
            if task.0.is_finished() {
                let how = match (&mut task.0).await {
                    Ok(Ok(outcome)) => format!("`{}` ended: {:?}", spec.command, outcome.exit),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                };
                return Err(Error::Preview { why: format!("{how}; {}", last_output(log)) });
            }
            if timeout_at(until, ready.answers()).await.unwrap_or(false) {
                return Ok(Self { port, task });
            }
            if Instant::now() >= until {
                let (ready, limit) = (spec.ready, spec.deadline);
                let why = format!(
                    "`{ready}` (port {port}) did not answer within {limit:?}; {}",
                    last_output(log)
                );
                return Err(Error::Preview { why });
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// Takes a picture of every page at every width in every scheme, into `out`; pages read `clock` if there is one.
    pub async fn capture(
        &self,
        browser: &Browser,
        pages: &[String],
        widths: &[u32],
        schemes: &[Scheme],
        clock: Option<Timestamp>,
        out: &Path,
    ) -> Result<Vec<PagePicture>> {
        let mut taken = Vec::new();
        for (number, page) in pages.iter().enumerate() {
            let url = self.address_of(page)?;
            for &width in widths {
                for &scheme in schemes {
                    let png = out.join(format!("{number}-{width}-{}.png", scheme.as_str()));
                    let view = View { width, height: height_for(width), scheme, clock };
                    let target = Target::Url(url.clone());
                    let picture = browser.capture(&target, view, PAGE_LIMIT, &png).await?;
                    taken.push(PagePicture { page: page.clone(), width, scheme, picture });
                }
            }
        }
        Ok(taken)
    }

    /// Returns the full address of a page.
    ///
    /// # Errors
    /// [`Error::Screenshot`] where the page does not begin with one `/`: it could be another host's.
    pub fn address_of(&self, page: &str) -> Result<String> {
        if !page.starts_with('/') || page.starts_with("//") {
            return Err(Error::Screenshot {
                why: format!("the page `{page}` must begin with one `/`"),
            });
        }
        Ok(format!("http://127.0.0.1:{}{page}", self.port))
    }

    /// Returns whether the command still runs.
    pub fn is_running(&self) -> bool {
        !self.task.0.is_finished()
    }
}

fn height_for(width: u32) -> u32 {
    HEIGHTS.iter().find(|(most, _)| width <= *most).map_or(TALLEST_WIDTH, |(_, height)| *height)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let port = listener.and_then(|listener| listener.local_addr()).map(|address| address.port());
    port.map_err(io("find", &PathBuf::from("a free port")))
}

fn last_output(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    match lines.get(lines.len().saturating_sub(3)..).unwrap_or_default() {
        [] => "it wrote nothing".into(),
        last => format!("its last output: {}", last.join("; ")),
    }
}

/// A `http://` address on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    host: String,
    port: u16,
    path: String,
}

impl Address {
    fn read(url: &str) -> Result<Self> {
        let bad =
            |why: &str| Error::Preview { why: format!("the readiness address `{url}` {why}") };
        let rest = url.strip_prefix("http://").ok_or_else(|| bad("must begin with `http://`"))?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (host, port) = authority.rsplit_once(':').ok_or_else(|| bad("must name `$PORT`"))?;
        if !matches!(host, "127.0.0.1" | "localhost") {
            return Err(bad("must be on `127.0.0.1` or `localhost`"));
        }
        if path.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(bad("holds spaces"));
        }
        let port = port.parse().map_err(|_| bad("has no port"))?;
        Ok(Self { host: host.into(), port, path: path.into() })
    }

    /// Asks once and returns whether there was an answer that is not a server's failure.
    async fn answers(&self) -> bool {
        self.ask().await.unwrap_or(false)
    }

    async fn ask(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let (host, port, path) = (&self.host, self.port, &self.path);
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        // `HTTP/1.1 200`: the status is the tenth to twelfth byte.
        let mut head = [0_u8; 12];
        stream.read_exact(&mut head).await?;
        Ok(head.starts_with(b"HTTP/1.") && matches!(head.get(9), Some(b'2' | b'3' | b'4')))
    }
}
