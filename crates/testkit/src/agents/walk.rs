//! The page as a visitor meets it: a server of its own on a free port, and plain requests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::lane::{self, Lane};
use crate::error::system;
use crate::{Error, Result};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The workspace's page, served until this is dropped.
#[derive(Debug)]
pub(super) struct Preview {
    server: Child,
    base: String,
}

impl Preview {
    /// Starts `mission serve-static` on a free port and waits for its address.
    pub(super) fn start(lane: &Lane) -> Result<Self> {
        lane.say("$ mission serve-static web --port 0");
        let mut command = lane::command("mission", &lane.path("."));
        let mut server = command
            .args(["serve-static", "web", "--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(system("start the page's server"))?;
        let output = server.stdout.take();
        let mut preview = Self { server, base: String::new() };
        let mut line = String::new();
        if let Some(output) = output {
            let read = BufReader::new(output).read_line(&mut line);
            read.map_err(system("read the page's address"))?;
        }
        let address = line.split_whitespace().find(|word| word.starts_with("http://"));
        let none = || Error::Unexpected(format!("the page's server said `{}`", line.trim()));
        address.ok_or_else(none)?.trim_end_matches('/').clone_into(&mut preview.base);
        Ok(preview)
    }

    /// Returns the full address of `path`.
    pub(super) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Asks for `url` on this machine and returns the status and the body.
pub(super) fn get(url: &str) -> Result<(u16, String)> {
    let bad = || Error::Unexpected(format!("`{url}` is no address of this machine"));
    let rest = url.strip_prefix("http://127.0.0.1:").ok_or_else(bad)?;
    let (port, path) = rest.split_at(rest.find('/').ok_or_else(bad)?);
    let port: u16 = port.parse().map_err(|_| bad())?;
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().map_err(system(format!("get `{url}`")))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
    let odd = || Error::Unexpected(format!("`{url}` answered `{head}`"));
    Ok((status.ok_or_else(odd)?, body.to_owned()))
}
