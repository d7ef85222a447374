//! Opens the store of a home, and builds the controller and the app over it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use mission_control::{Control, HomePaths, Options, SystemClock};
use mission_domain::config::{self, HomeConfig, Source};
use mission_store::{Role, Store};

use crate::home::Home;

/// How long a command waits for another one that holds the store.
const WAIT_FOR_STORE: Duration = Duration::from_secs(5);

/// The name under which a command calls the app in its own process.
pub(crate) const IN_PROCESS_HOST: &str = "mission.local";

/// Returns the app on the store of `home`, and this home's own credential.
pub(crate) async fn in_process(home: &Home) -> anyhow::Result<(axum::Router, String)> {
    let control = controller(home, Role::Command, 0).await?;
    // What a command shows is what the events tell in this version's words, and what it writes stands beside nothing older.
    control.renew_rows().await?;
    let token = control.credentials().await?;
    let settling = control.clone();
    let app = mission_server::App {
        control,
        allowed_hosts: vec![IN_PROCESS_HOST.into()],
        public_url: None,
        shutdown: None,
    };
    let settle = from_fn(move |request: Request, next: Next| {
        let control = settling.clone();
        async move {
            // What may end a ticket: a server would see at once who waited for it.
            let ends = ["/cancel", "/supersede", "/verdict"];
            let may_end = ends.iter().any(|it| request.uri().path().ends_with(it));
            let answer = next.run(request).await;
            if may_end
                && answer.status().is_success()
                && let Err(error) = control.settle_links().await
            {
                let text = error.in_full();
                tracing::warn!(
                    "who waits for it is not told yet, the next server does that: {text}"
                );
            }
            answer
        }
    });
    Ok((mission_server::router(app).layer(settle), token))
}

/// Returns the controller of `home`; it starts nothing by itself.
pub(crate) async fn controller(
    home: &Home,
    role: Role,
    retry_base_ms: u64,
) -> anyhow::Result<Control> {
    let paths = HomePaths::new(home.dir());
    paths.create().with_context(|| format!("cannot make `{}`", home.dir().display()))?;
    let database = database_url(home)?;
    let store = open_store(home.dir(), database.as_deref(), role).await?;
    let options = Options {
        exe: std::env::current_exe().context("cannot tell where this program is")?,
        url: None,
        retry_base_ms,
        confine: std::env::var_os("MISSION_UNCONFINED").is_none(),
        checks_at_once: 2,
    };
    Ok(Control::open(paths, store, Arc::new(SystemClock), options).await?)
}

/// Returns the home's own settings; a file that is not there is empty.
pub(crate) fn settings(home: &Home) -> anyhow::Result<HomeConfig> {
    let text = settings_text(home)?;
    config::home(Source { name: "config.toml", text: &text }).map_err(|problems| {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })
}

fn settings_text(home: &Home) -> anyhow::Result<String> {
    let path = home.dir().join("config.toml");
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).context(format!("cannot read `{}`", path.display())),
    }
}

/// Returns the database that the home's settings name. Without settings there is none, and nothing to work out.
fn database_url(home: &Home) -> anyhow::Result<Option<String>> {
    if settings_text(home)?.trim().is_empty() {
        return Ok(None);
    }
    Ok(settings(home)?.database_url)
}

/// Opens SQLite or PostgreSQL. Two commands at once take turns; a server does not let go.
async fn open_store(
    home: &Path,
    database: Option<&str>,
    role: Role,
) -> anyhow::Result<Arc<dyn Store>> {
    if let Some(url) = database {
        return Ok(mission_store::open_postgres(url).await?);
    }
    let mut waited = Duration::ZERO;
    let mut pause = Duration::from_millis(5);
    loop {
        match mission_store::open_sqlite(home, role).await {
            Err(mission_store::Error::Locked { .. }) if waited < WAIT_FOR_STORE => {
                tokio::time::sleep(pause).await;
                waited += pause;
                pause = (pause * 2).min(Duration::from_millis(100));
            }
            answer => return Ok(answer?),
        }
    }
}
