//! The ways in which somebody ends the demo: Ctrl-C, SIGTERM, and a terminal that is closed.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens from its making on: what comes before anybody waits is not lost, and ends nothing by itself.
#[derive(Debug)]
pub(super) struct Ends {
    signals: Vec<Signal>,
}

impl Ends {
    /// Begins to listen. Who ignores a closed terminal, as under `nohup`, goes on doing so.
    pub(super) fn listen() -> std::io::Result<Self> {
        let hangup = (!ignores_hangup()).then(SignalKind::hangup);
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        let signals = kinds.into_iter().chain(hangup).map(signal);
        Ok(Self { signals: signals.collect::<std::io::Result<_>>()? })
    }

    /// Waits until somebody ends it.
    pub(super) async fn told(&mut self) {
        let any = self.signals.iter_mut().map(|it| Box::pin(it.recv()));
        futures::future::select_all(any).await;
    }
}

/// Whether SIGHUP, the first bit of the mask, does nothing to this process.
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|it| it.strip_prefix("SigIgn:"));
    mask.and_then(|it| u64::from_str_radix(it.trim(), 16).ok()).is_some_and(|it| it & 1 == 1)
}
