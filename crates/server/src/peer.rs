//! Who stands at the other end of a connection: a lane that got hold of a person's secret is still no person.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use axum::extract::connect_info::Connected;
use axum::http::Extensions;
use axum::serve::IncomingStream;
use mission_control::peer::{Peer, peer};
use tokio::net::TcpListener;

use crate::auth::Who;
use crate::problem::{Answer, Problem};

/// One connection, looked up when a person's secret first comes over it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    from: SocketAddr,
    to: Option<u16>,
    peer: Arc<OnceLock<Peer>>,
}

impl Connected<IncomingStream<'_, TcpListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        let to = stream.io().local_addr().ok().map(|it| it.port());
        Self { from: *stream.remote_addr(), to, peer: Arc::default() }
    }
}

/// Returns the address that a request came from, as far as this server sees it: behind a proxy it is the proxy's.
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    let connection = extensions.get::<axum::extract::ConnectInfo<Connection>>();
    connection.map(|it| it.0.from.ip().to_canonical())
}

/// Refuses a person's token or session to a process of a lane or a check: it listened where a server was, or was shown one by
/// a browser, which sends its cookies to every port of this machine.
pub(crate) async fn no_lane(who: &Who, extensions: &Extensions) -> Answer<()> {
    let connection = extensions.get::<axum::extract::ConnectInfo<Connection>>();
    let Some((connection, to)) = connection.and_then(|it| Some((&it.0, it.0.to?))) else {
        return Ok(());
    };
    let from = connection.from;
    if !who.principal().is_person() {
        return Ok(());
    }
    let known = connection.peer.get().copied();
    let seen = match known {
        Some(known) => Ok(known),
        None => tokio::task::spawn_blocking(move || peer(from, to)).await,
    };
    if let Ok(sure @ (Peer::Free | Peer::Fenced)) = seen {
        // Another request of the same connection may have been first, and saw the same.
        let _ = connection.peer.set(sure);
    }
    let detail = match seen {
        Ok(Peer::Free) => return Ok(()),
        Ok(Peer::Fenced) => {
            tracing::warn!(person = %who.principal(), "a lane or a check sent a person's secret, and was refused");
            "this comes from a process of a lane or a check, which cannot act as a person, whatever secret it has. What a lane may do, the `mission` on its PATH does"
        }
        Ok(Peer::Gone) | Err(_) => {
            "nobody can tell who sent this: the other end is closed already. Send it again and wait for the answer"
        }
    };
    Err(Problem::refused("not_a_person", detail))
}
