//! A tmux client in control mode: commands in as lines, replies and news out as lines. It lives for as long as the session that it is
//! attached to.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::runner::tmux::lines::{Lines, Reply, Said, quoted};

/// How long tmux may take for one command on a machine under load.
const ANSWER: Duration = Duration::from_secs(15);

/// A running client. Dropped, it hears the end of its input and goes; what runs in its sessions goes on.
#[derive(Debug)]
pub(crate) struct Client {
    input: ChildStdin,
    replies: mpsc::UnboundedReceiver<Reply>,
}

impl Client {
    /// Starts a client of the server at `socket` with `first`, a command that attaches it to a session. Returns it with what the command
    /// printed; what tmux says against the command is the inner error.
    pub(crate) async fn start(
        socket: &Path,
        first: &[&str],
    ) -> Result<Result<(Self, String), String>> {
        let failed = |source| Error::Spawn { program: "tmux".into(), source };
        let (output, theirs) = std::io::pipe().map_err(failed)?;
        // The client holds the reading end too, in the place of its error stream: when this runner is gone the last news still find room,
        // without which neither the client nor, after its last window, the server would ever end.
        let spare = output.try_clone().map_err(failed)?;
        let mut command = command(socket);
        command.args(first).stdout(theirs).stderr(spare);
        let mut child = command.spawn().map_err(failed)?;
        // The command keeps its ends open until it is dropped; the end of the output is that of the client.
        drop(command);
        let output = Receiver::from_owned_fd(output.into()).map_err(failed)?;
        let missing = || failed(std::io::ErrorKind::BrokenPipe.into());
        let input = child.stdin.take().ok_or_else(missing)?;
        let (tell, replies) = mpsc::unbounded_channel();
        tokio::spawn(listen(child, output, tell));
        let mut client = Self { input, replies };
        let reply = client.reply().await?;
        Ok(reply.map(|printed| (client, printed)))
    }

    /// Carries out one command.
    pub(crate) async fn ask(&mut self, words: &[&str]) -> Result<Reply> {
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let line = format!("{}\n", words.join(" "));
        // One that is gone has no reply either.
        let _ = self.input.write_all(line.as_bytes()).await;
        self.reply().await
    }

    async fn reply(&mut self) -> Result<Reply> {
        match tokio::time::timeout(ANSWER, self.replies.recv()).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Ok(Err("its client ended".to_owned())),
            Err(_) => {
                // A late reply would be taken for the next command's.
                self.replies.close();
                Err(Error::TimedOut("tmux".to_owned()))
            }
        }
    }

    /// Returns whether commands can still be given.
    pub(crate) fn is_alive(&self) -> bool {
        !self.replies.is_closed()
    }
}

/// No configuration file of the user's is read, and nothing of this process's environment but the essentials reaches the tmux server.
#[expect(clippy::disallowed_methods, reason = "the runner opens the windows of its lanes")]
fn command(socket: &Path) -> Command {
    let mut command = Command::new("tmux");
    command.env_clear().env("TERM", "xterm-256color");
    for name in ["PATH", "HOME", "LANG", "LC_ALL", "XDG_RUNTIME_DIR", "SHELL"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.args(["-u", "-f", "/dev/null", "-C", "-S"]).arg(socket).current_dir("/");
    command.stdin(Stdio::piped());
    command
}

/// Takes in what the client says until it ends.
async fn listen(mut child: Child, output: Receiver, replies: mpsc::UnboundedSender<Reply>) {
    let mut output = BufReader::new(output);
    let (mut lines, mut line) = (Lines::default(), Vec::new());
    while output.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line);
        match lines.take(text.trim_end_matches('\n')) {
            Some(Said::Reply(reply)) => drop(replies.send(reply)),
            Some(Said::ServerEnded(why)) => tracing::warn!("tmux and all its windows ended: {why}"),
            None => {}
        }
        line.clear();
    }
    // Its exit status says nothing that its lines have not said.
    let _ = child.wait().await;
}
