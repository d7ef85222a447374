//! One connection to a server on this machine, opened again when it was closed meanwhile.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::Pieces;
use crate::failure::Failure;

/// A connection to a server.
pub(crate) struct Connection {
    authority: String,
    sender: Mutex<SendRequest<Full<Bytes>>>,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Closed {
    /// Nobody listens there.
    Nobody,
    /// The address is not one that can be used.
    Address(String),
    /// Somebody listens, and it broke off.
    Broken(String),
    /// What listens there now belongs to a lane.
    Stranger,
}

impl Closed {
    /// Returns it as a failure of a command that wanted `url`.
    pub(crate) fn failure(self, url: &str) -> Failure {
        match self {
            Self::Nobody => Failure::unreachable(format!("nobody answers at {url}"))
                .hint("start the server with `mission up`, or set MISSION_URL to where it is"),
            Self::Address(why) => {
                Failure::usage(format!("`{url}` is no address of a server: {why}"))
            }
            Self::Broken(why) => {
                Failure::unreachable(format!("the server at {url} broke off: {why}"))
            }
            Self::Stranger => Failure::unreachable(format!(
                "the server at {url} has gone, and a process of a lane listens there now; nothing was sent to it"
            ))
            .hint("start the server with `mission up`: it takes another port"),
        }
    }
}

impl Connection {
    /// Connects to the server at `url`, like `http://127.0.0.1:4207`.
    pub(crate) async fn open(url: &str) -> Result<Self, Closed> {
        let uri: Uri = url.parse().map_err(|e| Closed::Address(format!("{e}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(Closed::Address("only http:// on this machine is spoken; forward a port to reach a server elsewhere".into()));
        }
        let authority =
            uri.authority().ok_or_else(|| Closed::Address("it names no host".into()))?;
        let authority = authority.as_str().to_owned();
        let sender = Mutex::new(connect(&authority).await?);
        Ok(Self { authority, sender })
    }

    /// Returns host and port as the `Host` header names them.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// Sends one request and returns the answer's head with its body still to be read.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Pieces>, Failure> {
        let mut sender = self.sender.lock().await;
        if sender.ready().await.is_err() {
            let again = match is_a_lanes(&self.authority).await {
                true => Err(Closed::Stranger),
                false => connect(&self.authority).await,
            };
            *sender = again.map_err(|e| e.failure(&format!("http://{}", self.authority)))?;
        }
        let answer = sender.send_request(request).await;
        let broken = |e| {
            Failure::unreachable(format!("the server at {} broke off: {e}", self.authority))
            .hint("see whether it is still up with `mission doctor`; what you asked for may or may not have happened")
        };
        Ok(answer.map_err(broken)?.map(|body| body.map_err(Into::into).boxed_unsync()))
    }
}

/// Returns whether a process of a lane listens where the server was: it would be shown our secret.
async fn is_a_lanes(authority: &str) -> bool {
    let found = tokio::net::lookup_host(authority).await;
    let found: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
    let look = move || found.into_iter().any(mission_runtime::peer::is_fenced_listener);
    tokio::task::spawn_blocking(look).await.unwrap_or(true)
}

async fn connect(authority: &str) -> Result<SendRequest<Full<Bytes>>, Closed> {
    let address = if authority.rsplit_once(':').is_some_and(|it| it.1.parse::<u16>().is_ok()) {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let stream = TcpStream::connect(&address).await.map_err(|_| Closed::Nobody)?;
    let _ = stream.set_nodelay(true);
    let shaken = handshake(TokioIo::new(stream)).await;
    let (sender, connection) = shaken.map_err(|e| Closed::Broken(e.to_string()))?;
    tokio::spawn(async move {
        // What goes wrong here is seen by the request that waits for it.
        let _ = connection.await;
    });
    Ok(sender)
}
