//! The app: what a server needs to run, the router of everything, and how it is served and drained.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use mission_control::Control;
use mission_domain::ids::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};

use crate::auth::Attempts;
use crate::events::Encoded;
use crate::once::Once;
use crate::peer::Connection;
use crate::web::read;
use crate::{api, guard, web};

/// How long a server waits for open requests when it stops.
const DRAIN: Duration = Duration::from_secs(10);

/// What a server needs.
pub struct App {
    /// What carries requests out.
    pub control: Control,
    /// Names that `Host` may have beside this machine's own, with or without a port.
    pub allowed_hosts: Vec<String>,
    /// Where a person's browser reaches the server, like `http://127.0.0.1:4207`.
    pub public_url: Option<String>,
    /// Told to stop the server by `POST /down`, with whether lanes stop too.
    pub shutdown: Option<mpsc::Sender<bool>>,
}

/// What all handlers share.
pub(crate) struct Shared {
    pub(crate) control: Control,
    pub(crate) hosts: guard::Hosts,
    pub(crate) public_url: Option<String>,
    pub(crate) shutdown: Option<mpsc::Sender<bool>>,
    pub(crate) closing: watch::Sender<bool>,
    /// Told whenever a session or a token is ended: open streams look whether it was theirs.
    pub(crate) ended: watch::Sender<()>,
    pub(crate) once: Once,
    pub(crate) encoded: Encoded,
    pub(crate) rows: read::RowsCache,
    pub(crate) attempts: Attempts,
    pub(crate) started_at: Timestamp,
}

/// The state of the router.
pub(crate) type Site = Arc<Shared>;

/// Returns everything: API, pages, streams. Hosts are this machine's names without a port, and `allowed_hosts`.
pub fn router(app: App) -> Router {
    assemble(app, None).0
}

fn assemble(app: App, port: Option<u16>) -> (Router, Site) {
    let hosts = guard::Hosts::new(port, &app.allowed_hosts, app.public_url.as_deref());
    let started_at = app.control.now();
    let site = Arc::new(Shared {
        control: app.control,
        hosts,
        public_url: app.public_url,
        shutdown: app.shutdown,
        closing: watch::channel(false).0,
        ended: watch::channel(()).0,
        once: Once::default(),
        encoded: Encoded::default(),
        rows: read::RowsCache::default(),
        attempts: Attempts::default(),
        started_at,
    });
    let squeezed = DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream"));
    let routes =
        Router::new().merge(api::router()).merge(web::router(&site)).with_state(site.clone());
    // The layers lie around all routes together: around each they would be made a hundred times at every start.
    let router = Router::new()
        .fallback_service(routes)
        .layer(from_fn_with_state(site.clone(), guard::guard))
        .layer(from_fn(guard::harden))
        .layer(CompressionLayer::new().gzip(true).compress_when(squeezed));
    (router, site)
}

/// Serves `app` on `listener` until `stop` is done; open requests get 10 s to end, streams are closed at once.
///
/// # Errors
/// What the system said about the listener.
pub async fn serve(
    listener: TcpListener,
    app: App,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let port = listener.local_addr()?.port();
    let (router, site) = assemble(app, Some(port));
    let mut closed = site.closing.subscribe();
    tokio::spawn(read::warm(site.clone()));
    let closing = async move {
        stop.await;
        site.closing.send_replace(true);
    };
    let router = router.into_make_service_with_connect_info::<Connection>();
    let serving = axum::serve(listener, router).with_graceful_shutdown(closing);
    let late = async {
        // The sender lives as long as the server does: an error means that it is gone already.
        let _ = closed.wait_for(|is_closing| *is_closing).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = serving => ended,
        () = late => Ok(()),
    }
}
