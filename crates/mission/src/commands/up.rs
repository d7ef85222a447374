//! `mission up`: the server, the dispatcher and the local runner.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use mission_control::{Control, HomePaths};
use mission_domain::home::HomeCommand;
use mission_domain::principal::Principal;
use mission_store::Role;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::Done;
use crate::cli::session::UpArgs;
use crate::context::{Context, note, print};
use crate::failure::{Exit, Failure};
use crate::home::{Home, ServerCard};
use crate::wire;

/// How long open requests may take when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Starts everything and stays until it is told to stop.
pub(crate) async fn run(context: &Context, args: &UpArgs) -> Done {
    let _log = log_to_file(&context.home);
    let settings = Settings { listen: args.listen.clone(), ..Settings::default() };
    let failed =
        |error: anyhow::Error| Failure::new(Exit::Unreachable, "not_started", format!("{error:#}"));
    let mut running = start(&context.home, settings).await.map_err(failed)?;
    let text = serde_json::json!({
        "url": running.url,
        "sign_in": running.sign_in_link,
        "pid": std::process::id(),
    });
    context.say(&text, || {
        format!(
            "Mission Control is up.\n\n  sign in   {}\n  stop      Ctrl-C, or `mission down`",
            running.sign_in_link
        )
    });
    for project in running.control.project_docs().await {
        for text in project.config_problem.iter().chain(&project.notice) {
            note(&format!("{}: {text}", project.key));
        }
    }
    let stop_lanes = running.until_told().await || args.stop_lanes;
    if !context.json {
        print("Stopping.\n");
    }
    running.stop(stop_lanes).await.map_err(failed)
}

/// How a server is started where it may differ from the default.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Whether the home is marked as the demo's, which alone accepts the scripted person.
    pub(crate) demo: bool,
    /// The first wait before a retry, in milliseconds.
    pub(crate) retry_base_ms: Option<u64>,
    /// The address to listen on, if not the configured one.
    pub(crate) listen: Option<String>,
}

/// A server that is up in this process.
pub(crate) struct Running {
    /// Its address.
    pub(crate) url: String,
    /// The one-time link that signs a person in.
    pub(crate) sign_in_link: String,
    /// The token of the person whose home this is.
    pub(crate) token: String,
    /// The token of the scripted person, where the demo started the server; else empty.
    pub(crate) scripted_token: String,
    control: Control,
    card: PathBuf,
    told: mpsc::Receiver<bool>,
    close: oneshot::Sender<()>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Running {
    /// Waits for SIGTERM, Ctrl-C or `mission down`; returns whether lanes are to stop too.
    pub(crate) async fn until_told(&mut self) -> bool {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return false };
        tokio::select! {
            _ = terminate.recv() => false,
            _ = tokio::signal::ctrl_c() => false,
            told = self.told.recv() => told.unwrap_or(false),
        }
    }

    /// Stops the server, and its lanes where `stop_lanes` says so.
    pub(crate) async fn stop(self, stop_lanes: bool) -> anyhow::Result<()> {
        let _ = std::fs::remove_file(&self.card);
        let _ = self.close.send(());
        let drained = tokio::time::timeout(DRAIN, self.serving).await;
        self.control.stop(stop_lanes).await;
        match drained {
            Ok(Ok(served)) => served.context("the server ended badly"),
            // Whoever still reads a stream is cut off; nothing is lost by it.
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}

/// Starts the server of `home` in this process.
pub(crate) async fn start(home: &Home, settings: Settings) -> anyhow::Result<Running> {
    if let Some(card) = home.server() {
        anyhow::bail!(
            "a server is up for `{}` already (process {}, {}). Use it, or stop it with `mission down`",
            home.dir().display(),
            card.pid,
            card.url
        );
    }
    let retry = settings.retry_base_ms.unwrap_or_default();
    let control = wire::controller(home, Role::Controller, retry).await?;
    if settings.demo {
        control.execute_home(HomeCommand::MarkDemo, &Principal::Controller).await?;
    }
    // Only the demo itself speaks for its stand-in: a server that is merely started again leaves the token that it has.
    let scripted_token = match settings.demo {
        true => control.scripted_token().await?,
        false => String::new(),
    };
    let token = control.credentials().await?;
    let configured = wire::settings(home)?;
    let listener = listen(home, settings.listen.as_deref().unwrap_or(&configured.listen)).await?;
    let address = listener.local_addr().context("the listener has no address")?;
    let url = format!("http://{}", shown(address));
    control.set_url(url.clone());
    if !control.home().projects.is_empty() && control.rows_are_older().await? {
        note(
            "another version of `mission` wrote this home last: its rows are compared with their events once, and written anew \
             where they differ",
        );
    }
    control.start().await?;
    let (tell, told) = mpsc::channel(1);
    let (close, closed) = oneshot::channel::<()>();
    let app = mission_server::App {
        control: control.clone(),
        allowed_hosts: configured.allowed_hosts,
        public_url: configured.public_url.or_else(|| Some(url.clone())),
        shutdown: Some(tell),
    };
    let stop = async move {
        let _ = closed.await;
    };
    let serving = tokio::spawn(mission_server::serve(listener, app, stop));
    let card = home.dir().join("server.json");
    write_card(&card, &url)?;
    std::fs::write(home.dir().join("port"), address.port().to_string())
        .with_context(|| format!("cannot write `{}`", home.dir().join("port").display()))?;
    let code = control.owners_sign_in_code().await?;
    let sign_in_link = format!("{url}/sign-in?code={code}");
    Ok(Running { url, sign_in_link, token, scripted_token, control, card, told, close, serving })
}

/// Listens on `address`; port 0 takes the last port again where it is free, so that open pages and lanes find the server.
async fn listen(home: &Home, address: &str) -> anyhow::Result<TcpListener> {
    if let Some(host) = address.strip_suffix(":0").or(address.is_empty().then_some("")) {
        let host = if host.is_empty() { "127.0.0.1" } else { host };
        let last = std::fs::read_to_string(home.dir().join("port")).unwrap_or_default();
        if let Ok(port) = last.trim().parse::<u16>()
            && let Ok(listener) = TcpListener::bind((host, port)).await
        {
            return Ok(listener);
        }
        return TcpListener::bind((host, 0)).await.context("no free port");
    }
    let address =
        if address.starts_with(':') { format!("127.0.0.1{address}") } else { address.into() };
    TcpListener::bind(&address).await.with_context(|| {
        format!("cannot listen on `{address}`: another program may. `--listen 127.0.0.1:0` takes a free port")
    })
}

fn shown(address: SocketAddr) -> SocketAddr {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn write_card(path: &std::path::Path, url: &str) -> anyhow::Result<()> {
    let text = ServerCard::own(url).to_string();
    let temporary = path.with_extension("json.new");
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.with_context(|| format!("cannot write `{}`", path.display()))
}

/// Writes warnings and more to `log/`, a file a day, the last seven kept.
pub(crate) fn log_to_file(home: &Home) -> Option<tracing_appender::non_blocking::WorkerGuard> {
    let paths = HomePaths::new(home.dir());
    // The appender says on the terminal that a folder is not there yet.
    paths.create().ok()?;
    let files = tracing_appender::rolling::Builder::new()
        .rotation(tracing_appender::rolling::Rotation::DAILY)
        .filename_prefix("server")
        .filename_suffix("log")
        .max_log_files(7)
        .build(paths.log())
        .ok()?;
    // The default of 128,000 lines takes 4 MB before the first is written.
    let (writer, guard) = tracing_appender::non_blocking::NonBlockingBuilder::default()
        .buffered_lines_limit(4_096)
        .finish(files);
    let filter = tracing_subscriber::EnvFilter::try_from_env("MISSION_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn,hyper=warn"));
    let made = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_env_filter(filter)
        .with_ansi(false)
        .try_init();
    made.ok().map(|()| guard)
}
