//! A server for the files of one folder, on loopback only: enough for a page's preview and its pictures.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Result;
use crate::error::{file, system};

/// How long a visitor may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest request that is read, in bytes.
const LONGEST: u64 = 16 * 1024;

/// Serves `dir` on `port` of loopback until the process ends, and says where on standard output.
///
/// # Errors
/// The folder is not there, or the port is taken.
pub fn run(dir: &Path, port: u16) -> Result<()> {
    let files = Files::open(dir, port)?;
    println!("serving {} at http://{}/", dir.display(), files.address()?);
    files.serve();
    Ok(())
}

/// The files of one folder, and where they are served.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    listener: TcpListener,
}

impl Files {
    /// Opens `dir` on `port` of loopback; port 0 takes a free one.
    ///
    /// # Errors
    /// The folder is not there, or the port is taken.
    pub fn open(dir: &Path, port: u16) -> Result<Self> {
        let root = dir.canonicalize().map_err(file("open", dir))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = listener.map_err(system(format!("listen on port {port}")))?;
        Ok(Self { root, listener })
    }

    /// Returns the address.
    ///
    /// # Errors
    /// What the system said.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener.local_addr().map_err(system("find the own address"))
    }

    /// Serves until the process ends, one thread for each visitor.
    pub fn serve(&self) {
        for stream in self.listener.incoming().flatten() {
            let root = self.root.clone();
            // A visitor who leaves early is nobody's fault.
            std::thread::spawn(move || drop(answer(&root, stream)));
        }
    }
}

fn answer(root: &Path, stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new((&stream).take(LONGEST));
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut header = String::from("-");
    while !header.trim().is_empty() {
        header.clear();
        reader.read_line(&mut header)?;
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, kind, body) = match method {
        "GET" | "HEAD" => look_up(root, target),
        _ => ("405 Method Not Allowed", "text/plain", b"only GET is served\n".to_vec()),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {length}\r\nCache-Control: \
         no-store\r\nConnection: close\r\n\r\n"
    );
    let mut stream = &stream;
    stream.write_all(head.as_bytes())?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    stream.flush()
}

fn look_up(root: &Path, target: &str) -> (&'static str, &'static str, Vec<u8>) {
    let refused = ("404 Not Found", "text/plain", b"there is no such page\n".to_vec());
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let Some(name) = decoded(path) else { return refused };
    let is_odd = |part: &str| part == ".." || part.starts_with('.') || part.contains(['\\', '\0']);
    if !name.starts_with('/') || name.split('/').any(is_odd) {
        return refused;
    }
    let mut found = root.join(name.trim_start_matches('/'));
    if found.is_dir() {
        found = found.join("index.html");
    }
    // A link may lead out of the folder: what counts is where the file really is.
    let real = found.canonicalize().ok().filter(|real| real.starts_with(root) && real.is_file());
    match real.map(|real| (kind(&real), std::fs::read(&real))) {
        Some((kind, Ok(body))) => ("200 OK", kind, body),
        Some((_, Err(_))) | None => refused,
    }
}

fn kind(path: &Path) -> &'static str {
    match path.extension().and_then(|it| it.to_str()) {
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some(_) | None => "text/plain",
    }
}

/// Returns `path` with its `%41` resolved; nothing where they do not come to text.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes).ok()
}
