//! Decides when and what is typed into a program on a terminal. Pure: time comes in, bytes go out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mission_domain::ids::MessageId;

/// Output must have been quiet for this long before something is typed.
const QUIET: Duration = Duration::from_millis(300);

/// A program that says nothing at all is taken as idle after this long.
const SILENT: Duration = Duration::from_secs(1);

/// Between a bracketed paste and Enter: some programs still take the paste in.
const AFTER_BRACKETED: Duration = Duration::from_millis(500);

/// Between a plain paste and Enter.
const AFTER_PLAIN: Duration = Duration::from_millis(20);

/// A text to be typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) messages: Vec<MessageId>,
    pub(crate) text: String,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
    /// Write these bytes.
    Paste(Vec<u8>),
    /// Write Enter; these messages are delivered with it.
    Enter(Vec<MessageId>),
}

/// The typist of one program.
#[derive(Debug)]
pub(crate) struct Typist {
    waiting: VecDeque<Text>,
    pasted: Option<(Text, Instant)>,
    /// What a person pressed while a text was pasted and not entered yet.
    pressed: Vec<u8>,
    since: Instant,
    last_output: Option<Instant>,
    cpu: Option<(Instant, u64)>,
    delivered: u32,
    is_bracketed: bool,
    seen: Vec<u8>,
}

impl Typist {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            waiting: VecDeque::new(),
            pasted: None,
            pressed: Vec::new(),
            since: now,
            last_output: None,
            cpu: None,
            delivered: 0,
            is_bracketed: false,
            seen: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, text: Text) {
        self.waiting.push_back(text);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len() + usize::from(self.pasted.is_some())
    }

    /// Returns the texts that have not been begun.
    pub(crate) fn not_begun(&mut self) -> &mut VecDeque<Text> {
        &mut self.waiting
    }

    /// Returns the messages that have not been delivered, and types nothing any more.
    pub(crate) fn give_up(&mut self) -> Vec<MessageId> {
        let pasted = self.pasted.take().map(|(text, _)| text);
        pasted.into_iter().flat_map(|text| text.messages).chain(self.begin_no_more()).collect()
    }

    /// Returns the messages of the texts that have not been begun, and begins no further one.
    pub(crate) fn begin_no_more(&mut self) -> Vec<MessageId> {
        self.waiting.drain(..).flat_map(|text| text.messages).collect()
    }

    /// Returns whether a text is pasted and its Enter is still to come: nobody else may write in between.
    pub(crate) fn is_within_a_text(&self) -> bool {
        self.pasted.is_some()
    }

    /// Keeps what a person pressed within a text, for after its Enter.
    pub(crate) fn keep_for_later(&mut self, pressed: &[u8]) {
        self.pressed.extend_from_slice(pressed);
    }

    /// Returns what was kept.
    pub(crate) fn kept(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.pressed)
    }

    /// Sees the program's output: when, and whether it turns bracketed paste on or off.
    pub(crate) fn saw(&mut self, bytes: &[u8], now: Instant) {
        self.last_output = Some(now);
        self.cpu = None;
        self.seen.extend_from_slice(bytes);
        let last = |what: &[u8]| self.seen.windows(what.len()).rposition(|w| w == what);
        let (on, off) = (last(b"\x1b[?2004h"), last(b"\x1b[?2004l"));
        if on.is_some() || off.is_some() {
            self.is_bracketed = on > off;
        }
        self.seen.drain(..self.seen.len().saturating_sub(7));
    }

    /// Returns when [`Self::stroke`] should be asked again.
    pub(crate) fn due(&self) -> Option<Instant> {
        if let Some((_, at)) = &self.pasted {
            return Some(*at + if self.is_bracketed { AFTER_BRACKETED } else { AFTER_PLAIN });
        }
        self.waiting.front()?;
        let quiet_at = self.last_output.map_or(self.since + SILENT, |at| at + QUIET);
        Some(self.cpu.map_or(quiet_at, |(at, _)| at + QUIET))
    }

    /// Returns what to type at `now`. A further turn also waits until the program has used no processor time (`cpu_ticks`) for a while:
    /// a quiet program may be busy.
    pub(crate) fn stroke(
        &mut self,
        now: Instant,
        cpu_ticks: impl FnOnce() -> u64,
    ) -> Option<Stroke> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        if let Some((text, _)) = self.pasted.take() {
            self.since = now;
            self.last_output = None;
            self.delivered += 1;
            return Some(Stroke::Enter(text.messages));
        }
        if self.delivered > 0 {
            let ticks = cpu_ticks();
            let is_idle = self.cpu.is_some_and(|(_, before)| ticks.abs_diff(before) <= 1);
            self.cpu = (!is_idle).then_some((now, ticks));
            if !is_idle {
                return None;
            }
        }
        let text = self.waiting.pop_front()?;
        let bytes = paste(&text.text, self.is_bracketed);
        self.pasted = Some((text, now));
        Some(Stroke::Paste(bytes))
    }
}

/// A terminal's paste: line ends as Enter, no control character that could end the paste or press a key.
fn paste(text: &str, is_bracketed: bool) -> Vec<u8> {
    let text = text.trim_end().replace("\r\n", "\n");
    let safe = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    let typed: String = safe.map(|c| if c == '\n' { '\r' } else { c }).collect();
    match is_bracketed {
        true => format!("\x1b[200~{typed}\x1b[201~").into_bytes(),
        false => typed.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text { messages: vec![MessageId(1)], text: text.into() }
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_brief_is_pasted_when_output_is_quiet_and_entered_once() {
        let start = Instant::now();
        let mut typist = Typist::new(start);
        typist.add(text("do\nit\n"));
        typist.saw(b"hello \x1b[?20", start + ms(50));
        typist.saw(b"04h> ", start + ms(100));
        assert_eq!(typist.stroke(start + ms(399), || 0), None);
        let pasted = Stroke::Paste(b"\x1b[200~do\rit\x1b[201~".to_vec());
        assert_eq!(typist.stroke(start + ms(400), || 0), Some(pasted));
        assert_eq!(typist.stroke(start + ms(899), || 0), None);
        let enter = Stroke::Enter(vec![MessageId(1)]);
        assert_eq!(typist.stroke(start + ms(900), || 0), Some(enter));
        assert_eq!(typist.stroke(start + ms(9000), || 0), None);
        assert_eq!(typist.due(), None);
    }

    #[test]
    fn a_silent_program_gets_its_brief_after_a_second() {
        let start = Instant::now();
        let mut typist = Typist::new(start);
        typist.add(text("x"));
        assert_eq!(typist.stroke(start + ms(999), || 0), None);
        assert_eq!(typist.stroke(start + ms(1000), || 0), Some(Stroke::Paste(b"x".to_vec())));
    }

    #[test]
    fn a_further_turn_waits_while_the_program_computes_in_silence() {
        let start = Instant::now();
        let mut typist = Typist::new(start);
        typist.add(text("x"));
        typist.stroke(start + ms(1000), || 0);
        typist.stroke(start + ms(1100), || 0);
        typist.add(text("y"));
        typist.saw(b".", start + ms(1200));
        assert_eq!(typist.stroke(start + ms(1500), || 10), None);
        assert_eq!(typist.stroke(start + ms(1800), || 40), None);
        assert_eq!(typist.stroke(start + ms(2100), || 40), Some(Stroke::Paste(b"y".to_vec())));
        assert_eq!(typist.give_up(), vec![MessageId(1)]);
    }

    #[test]
    fn a_text_that_is_pasted_is_begun_and_one_that_waits_behind_it_is_not() {
        let start = Instant::now();
        let mut typist = Typist::new(start);
        typist.add(text("x"));
        typist.add(Text { messages: vec![MessageId(2)], text: "y".into() });
        typist.stroke(start + ms(1000), || 0);
        let waiting: Vec<_> = typist.not_begun().iter().map(|it| it.messages.clone()).collect();
        assert_eq!(waiting, [vec![MessageId(2)]]);
    }

    #[test]
    fn control_characters_of_a_message_press_no_keys() {
        assert_eq!(paste("a\x03\x1b[201~b\u{9b}", true), b"\x1b[200~a[201~b\x1b[201~");
    }
}
