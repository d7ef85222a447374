//! Recordings: what an attempt printed, with its times, as asciicast v2, and without the secrets that are known by their form.

use std::io::{self, Read, Seek as _, Write};
use std::path::PathBuf;

use mission_domain::doc::AttemptDoc;
use mission_domain::ids::{AttemptId, Digest};
use mission_domain::principal::Principal;
use mission_domain::ticket::Command;
use mission_runtime::spec::Driver;
use mission_runtime::times::{Mark, Times};
use mission_runtime::{LaneFiles, LaunchSpec};
use mission_store::ProjectionKind;
use serde_json::json;

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::packets::masked;

/// How much of a journal is looked through for secrets at once, in bytes.
const WINDOW: usize = 16 * 1024 * 1024;

/// The screen that a journal without a terminal is shown on: its lines have no width of their own.
const PAGE: (u16, u16) = (120, 40);

/// A pause longer than this, in seconds, is shortened by whoever plays it: agents think for minutes.
const LONGEST_PAUSE: f64 = 2.0;

/// How what was masked begins in the text that is kept.
const MASKED: &[u8] = b"[masked: ";

/// So much of a text after a secret tells where it goes on, in bytes.
const NEEDLE: usize = 64;

/// What is recorded.
struct Lane {
    files: LaneFiles,
    title: String,
    has_terminal: bool,
}

impl Control {
    /// Returns the recording of an attempt: the one that was kept at its end, else what there is up to now.
    ///
    /// # Errors
    /// An unknown attempt, one that ran nothing here, or what the system said.
    pub async fn recording(&self, id: AttemptId) -> Result<std::fs::File> {
        let attempt = self.attempt_row(id).await?;
        if let Some(digest) = attempt.recording.as_ref().and_then(|it| it.parse::<Digest>().ok()) {
            let artifacts = self.artifacts();
            let is_whole =
                move || Ok(matches!(artifacts.verify(&digest), Ok(None)).then_some(digest));
            if let Some(digest) = in_background(is_whole).await? {
                return Ok(self.artifacts().open(&digest)?);
            }
        }
        let (lane, scratch) = (self.recorded_lane(&attempt, id)?, self.scratch_dir()?);
        in_background(move || {
            let mut file = tempfile::tempfile_in(scratch)?;
            let mut out = io::BufWriter::new(&mut file);
            write_cast(&lane, &mut out)?;
            out.flush()?;
            drop(out);
            file.rewind()?;
            Ok(file)
        })
        .await
    }

    /// Keeps the recording of an attempt that has ended, as an artifact that its ticket names.
    pub(crate) fn keep_recording(&self, id: AttemptId) {
        let control = self.clone();
        self.spawn(async move {
            if let Err(error) = control.record_lane(id).await {
                tracing::warn!("no recording of {id} was kept: {}", error.in_full());
            }
        });
    }

    async fn record_lane(&self, id: AttemptId) -> Result<()> {
        let Some(key) = self.key_of(id).await? else { return Ok(()) };
        let attempt = self.attempt_row(id).await?;
        // What ran elsewhere has no journal here.
        let Ok(lane) = self.recorded_lane(&attempt, id) else { return Ok(()) };
        let artifacts = self.artifacts();
        let draft = lane.files.dir().join("recording.cast");
        let recording = in_background(move || {
            let mut file = io::BufWriter::new(std::fs::File::create(&draft)?);
            write_cast(&lane, &mut file)?;
            file.flush()?;
            let kept = artifacts.put_file(&draft).map_err(io::Error::other);
            std::fs::remove_file(&draft)?;
            kept
        })
        .await?;
        let command = Command::KeepRecording { attempt: id, recording };
        self.execute(&key, command, &Principal::Controller).await.map(drop)
    }

    async fn attempt_row(&self, id: AttemptId) -> Result<AttemptDoc> {
        let row = self.store().projection(ProjectionKind::Attempt, &id.to_string()).await?;
        let row = row.ok_or_else(|| Error::Missing(format!("attempt `{id}`")))?;
        serde_json::from_str(&row.doc)
            .map_err(|e| Error::Invalid(format!("`{id}` cannot be read: {e}")))
    }

    fn recorded_lane(&self, attempt: &AttemptDoc, id: AttemptId) -> Result<Lane> {
        let dir = self.paths().lane(id);
        let missing = || Error::Missing(format!("recording of `{id}`: nothing of it ran here"));
        let spec = LaunchSpec::read(&dir).map_err(|_| missing())?;
        let title = format!("{id} · {} · {} · {}", attempt.role, attempt.runtime, attempt.ticket);
        let has_terminal = spec.driver == Driver::Tmux;
        Ok(Lane { files: LaneFiles::new(&dir), title, has_terminal })
    }
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let failed = |source| Error::File { what: "make a recording".into(), source };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| failed(io::Error::other(e)))?.map_err(failed)
}

/// Writes the recording of `lane` to `out`. A journal that is not there yet is an empty one.
fn write_cast(lane: &Lane, out: &mut impl Write) -> io::Result<()> {
    let times = Times::read(&lane.files.times());
    let first = times.marks.first().filter(|it| it.offset == 0).and_then(|it| it.size);
    let size = first.unwrap_or(PAGE);
    let mut header = json!({
        "version": 2,
        "width": size.0,
        "height": size.1,
        "title": lane.title,
        "idle_time_limit": LONGEST_PAUSE,
        "env": { "TERM": "xterm-256color" },
    });
    if let Some(ms) = times.began_ms {
        header["timestamp"] = (ms / 1000).into();
    }
    writeln!(out, "{header}")?;
    let mut events =
        Events { out, has_terminal: lane.has_terminal, size, rest: Vec::new(), was_return: false };
    let mut journal = Windows::open(lane.files.journal())?;
    let mut marks = times.marks.as_slice();
    let mut now = marks.first().map_or(0, |it| it.ms);
    while let Some((offset, raw)) = journal.next()? {
        let text = masked(&raw);
        let end = offset + raw.len() as u64;
        let (here, later) = marks.split_at(marks.partition_point(|it| it.offset < end));
        marks = later;
        let places: Vec<usize> = here
            .iter()
            .map(|it| usize::try_from(it.offset - offset).unwrap_or(raw.len()))
            .collect();
        let mut from = 0;
        for (mark, to) in here.iter().zip(places_in(&raw, &text, &places)) {
            events.print(now, &text[from..to])?;
            events.mark(mark)?;
            (now, from) = (mark.ms, to);
        }
        events.print(now, &text[from..])?;
    }
    for mark in marks {
        events.mark(mark)?;
        now = mark.ms;
    }
    events.end(now)
}

/// Writes events: bytes become text, a character that is not whole waits for its rest.
struct Events<'a, W> {
    out: &'a mut W,
    has_terminal: bool,
    size: (u16, u16),
    rest: Vec<u8>,
    was_return: bool,
}

impl<W: Write> Events<'_, W> {
    fn print(&mut self, ms: u64, bytes: &[u8]) -> io::Result<()> {
        self.rest.extend_from_slice(bytes);
        let whole = whole_characters(&self.rest);
        let rest = self.rest.split_off(whole);
        let text = String::from_utf8_lossy(&std::mem::replace(&mut self.rest, rest)).into_owned();
        self.say(ms, &text)
    }

    fn say(&mut self, ms: u64, text: &str) -> io::Result<()> {
        let text = if self.has_terminal { text.to_owned() } else { self.with_returns(text) };
        if text.is_empty() { Ok(()) } else { self.event(ms, "o", &text) }
    }

    /// Without a terminal a line's end is one character, which on a screen only goes down.
    fn with_returns(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len() + text.len() / 32);
        for c in text.chars() {
            if c == '\n' && !self.was_return {
                out.push('\r');
            }
            self.was_return = c == '\r';
            out.push(c);
        }
        out
    }

    fn mark(&mut self, mark: &Mark) -> io::Result<()> {
        match mark.size.filter(|size| *size != self.size) {
            Some((cols, rows)) => {
                self.size = (cols, rows);
                self.event(mark.ms, "r", &format!("{cols}x{rows}"))
            }
            None => Ok(()),
        }
    }

    fn event(&mut self, ms: u64, kind: &str, text: &str) -> io::Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of an attempt are few")]
        let seconds = ms as f64 / 1000.0;
        writeln!(self.out, "{}", json!([seconds, kind, text]))
    }

    fn end(mut self, ms: u64) -> io::Result<()> {
        let rest = std::mem::take(&mut self.rest);
        self.say(ms, &String::from_utf8_lossy(&rest))
    }
}

/// Returns the length of `bytes` without a character at the end that is only begun.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    match std::str::from_utf8(&bytes[tail_start(bytes, tail)..]) {
        Err(e) if e.error_len().is_none() => tail_start(bytes, tail) + e.valid_up_to(),
        Ok(_) | Err(_) => bytes.len(),
    }
}

/// Returns the first place from `at` on where a character begins.
fn tail_start(bytes: &[u8], at: usize) -> usize {
    let begins = |byte: &u8| byte & 0b1100_0000 != 0b1000_0000;
    at + bytes[at..].iter().position(begins).unwrap_or(bytes.len() - at)
}

/// Returns where the `places` of `raw` are in `text`, which is `raw` with its secrets replaced. The text is what is kept; that a
/// place is found wrongly can only put it into another moment.
fn places_in(raw: &[u8], text: &[u8], places: &[usize]) -> Vec<usize> {
    if raw == text {
        return places.to_vec();
    }
    // Each piece that was left as it is: where it begins in both, and its length.
    let (mut pieces, mut from, mut at) = (Vec::new(), 0, 0);
    loop {
        let end = find(&text[at..], MASKED).map_or(text.len(), |it| at + it);
        let piece = &text[at..end];
        match find(&raw[from..], &piece[..piece.len().min(NEEDLE)]) {
            Some(skipped) => {
                pieces.push((from + skipped, at, piece.len()));
                from = (from + skipped + piece.len()).min(raw.len());
            }
            None => break,
        }
        let Some(close) = text[end..].iter().position(|it| *it == b']') else { break };
        at = end + close + 1;
    }
    let place = |wanted: &usize| {
        let next = pieces.partition_point(|(raw_at, ..)| raw_at <= wanted);
        let after = pieces.get(next).map_or(text.len(), |(_, at, _)| *at);
        match next.checked_sub(1).and_then(|it| pieces.get(it)) {
            Some((raw_at, at, length)) if wanted - raw_at < *length => at + (wanted - raw_at),
            Some(_) | None => after,
        }
    };
    places.iter().map(place).collect()
}

fn find(all: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    all.windows(needle.len()).position(|it| it == needle)
}

/// A journal in parts that no secret lies across: each ends with a line, and before a private key that goes on.
struct Windows {
    file: Option<std::fs::File>,
    offset: u64,
    rest: Vec<u8>,
}

impl Windows {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = match std::fs::File::open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            opened => Some(opened?),
        };
        Ok(Self { file, offset: 0, rest: Vec::new() })
    }

    fn next(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        let room = WINDOW.saturating_sub(self.rest.len()) as u64;
        if let Some(file) = &mut self.file {
            file.take(room).read_to_end(&mut self.rest)?;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        let is_last = self.rest.len() < WINDOW;
        let cut = if is_last { self.rest.len() } else { cut_of(&self.rest) };
        let rest = self.rest.split_off(cut);
        let part = std::mem::replace(&mut self.rest, rest);
        let offset = self.offset;
        self.offset += part.len() as u64;
        Ok(Some((offset, part)))
    }
}

fn cut_of(bytes: &[u8]) -> usize {
    let last = |what: &[u8]| bytes.windows(what.len()).rposition(|it| it == what);
    let line = last(b"\n").map_or_else(|| between_words(bytes), |at| at + 1);
    let key =
        last(b"-----BEGIN ").filter(|begin| last(b"-----END ").is_none_or(|end| end < *begin));
    match key.unwrap_or(line).min(line) {
        0 => bytes.len(),
        cut => cut,
    }
}

/// Returns where a program that prints no lines, like one that draws its whole screen, can be cut: no secret holds a control
/// character.
fn between_words(bytes: &[u8]) -> usize {
    let end = bytes.iter().rposition(|it| it.is_ascii_control() || *it == b' ');
    end.map_or(bytes.len(), |at| at.max(1))
}

#[cfg(test)]
mod tests;
