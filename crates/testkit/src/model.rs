//! A model that plays a script instead of thinking: it speaks the four interfaces that agent programs ask, on loopback only.
//!
//! It keeps nothing between two requests: the script travels in the prompt (see [`Script`]), and how far it is follows from the
//! tool results after it. So retries, lanes side by side and resumed sessions need no state here.

mod chat;
mod dialect;
mod gemini;
mod messages;
mod play;
mod prompt;
mod responses;
mod route;
mod script;
mod shell;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use script::{Script, Step};

use crate::error::system;
use crate::{Error, Result};

/// One request for an answer, as the model saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The interface: `responses`, `messages`, `chat` or `gemini`.
    pub interface: &'static str,
    /// The newest text of the user that carries a script, else the newest text.
    pub text: String,
    /// How many tool results follow it.
    pub step: usize,
    /// What the model did, as the script writes it.
    pub played: String,
    /// How many tools it was offered.
    pub tools: usize,
}

/// What all requests share.
#[derive(Debug)]
struct Desk {
    /// Tells the ids of this server from those of another one.
    name: String,
    count: std::sync::atomic::AtomicU64,
    seen: Mutex<Vec<Seen>>,
}

impl Desk {
    /// Returns an id that nothing else has.
    fn id(&self, prefix: &str) -> String {
        let number = self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        format!("{prefix}_{}{number:06}", self.name)
    }
}

/// A model server of this process. Dropped, it listens no longer.
#[derive(Debug)]
pub struct Model {
    address: SocketAddr,
    desk: Arc<Desk>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Model {
    /// Serves in the background at a free port of loopback.
    ///
    /// # Errors
    /// What the system said.
    pub fn start() -> Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// As [`Self::start`], at `address`.
    ///
    /// # Errors
    /// An address that others can reach, or what the system said.
    pub fn start_at(address: SocketAddr) -> Result<Self> {
        if !address.ip().is_loopback() {
            let text =
                format!("`{address}` is not loopback: a scripted model runs what it is told to");
            return Err(Error::Unexpected(text));
        }
        let listener = std::net::TcpListener::bind(address)
            .and_then(|it| it.set_nonblocking(true).map(|()| it))
            .map_err(system(format!("listen at {address}")))?;
        let address = listener.local_addr().map_err(system("find the own address"))?;
        let mut name = [0; 4];
        getrandom::fill(&mut name)
            .map_err(|e| Error::Unexpected(format!("no random name: {e}")))?;
        let name = format!("{:08x}", u32::from_be_bytes(name));
        let desk = Arc::new(Desk { name, count: 0.into(), seen: Mutex::default() });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(system("start a runtime"))?;
        let at_desk = Arc::clone(&desk);
        let thread = std::thread::spawn(move || {
            runtime.block_on(serve(listener, at_desk, stopped));
            runtime.shutdown_background();
        });
        Ok(Self { address, desk, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its address as a URL without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the requests so far, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        self.desk.seen.lock().map(|it| it.clone()).unwrap_or_default()
    }

    /// Serves until the process is ended.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // A server that panicked has said why.
            let _ = thread.join();
        }
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: std::net::TcpListener, desk: Arc<Desk>, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let served = axum::serve(listener, route::routes(desk));
    // Open answers, hanging ones among them, are not waited for.
    tokio::select! {
        _ = served.into_future() => {}
        _ = stopped => {}
    }
}
