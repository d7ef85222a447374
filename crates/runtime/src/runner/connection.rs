//! One server connected to the runner: frames in and out, in the background.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::protocol::{FrameReader, FromRunner, ToRunner, write_frame};

/// A connected server. Dropped, it is cut off.
#[derive(Debug)]
pub(crate) struct Connection {
    frames: mpsc::UnboundedSender<FromRunner>,
    reader: JoinHandle<()>,
    writer: Option<JoinHandle<()>>,
}

impl Connection {
    /// Speaks over `stream`; what comes in goes to `heard` with `generation`, its end as none.
    pub(crate) fn open(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        generation: u64,
        heard: mpsc::UnboundedSender<(u64, Option<ToRunner>)>,
    ) -> Self {
        let (input, mut output) = tokio::io::split(stream);
        let (frames, mut queue) = mpsc::unbounded_channel::<FromRunner>();
        let reader = tokio::spawn(async move {
            let mut reader = FrameReader::new(input);
            loop {
                match reader.next::<ToRunner>().await {
                    Ok(Some(frame)) => drop(heard.send((generation, Some(frame)))),
                    Ok(None) => break,
                    Err(e) => {
                        tracing::warn!("the server is cut off: {}", e.in_full());
                        break;
                    }
                }
            }
            // Nobody listens only when the runner is ending.
            let _ = heard.send((generation, None));
        });
        let writer = tokio::spawn(async move {
            while let Some(frame) = queue.recv().await {
                if write_frame(&mut output, &frame).await.is_err() {
                    break;
                }
            }
        });
        Self { frames, reader, writer: Some(writer) }
    }

    /// Sends `frame`, or loses it when the server is gone: it is sent again to the next one.
    pub(crate) fn send(&self, frame: FromRunner) {
        let _ = self.frames.send(frame);
    }

    /// Sends what is queued, then closes.
    pub(crate) async fn finish(mut self, patience: std::time::Duration) {
        let (frames, _) = mpsc::unbounded_channel();
        self.frames = frames;
        if let Some(writer) = self.writer.take() {
            let _ = tokio::time::timeout(patience, writer).await;
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.iter().for_each(JoinHandle::abort);
    }
}
