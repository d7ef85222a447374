//! How much of what a lane says is kept with its ticket: an event has an end, and nothing that somebody waits for may fail for a long text.

use serde::Serialize;

use super::{NewFinding, Rejection, Report};
use crate::doc::DeathDoc;

/// The most that one thing a lane says may take, in bytes of JSON: half an event, since what is made of it (its findings with their
/// numbers, its question, the attempt's end) is an event again.
pub const MOST_SAID: usize = 32 * 1024;

/// What the last output of a program may take: its 2 KiB, each byte written in the longest way.
const MOST_OUTPUT: usize = 13 * 1024;

/// What the processes that were left over may take together.
const MOST_ORPHANS: usize = 8 * 1024;

/// What any other word of a death report may take.
const MOST_WORD: usize = 2 * 1024;

/// What a report takes besides its texts.
const FRAME: usize = 256;

/// Returns how many bytes `it` takes as JSON.
fn bytes(it: &impl Serialize) -> usize {
    serde_json::to_vec(it).map_or(usize::MAX, |it| it.len())
}

/// Refuses what a lane says where that is more than is kept. Asked at each door at which the lane can still be told.
///
/// # Errors
/// [`Rejection::SaidTooMuch`].
pub fn fits(said: &impl Serialize) -> Result<(), Rejection> {
    let bytes = bytes(said);
    if bytes <= MOST_SAID { Ok(()) } else { Err(Rejection::SaidTooMuch(bytes)) }
}

/// Returns `text`, cut to take no more than `most` bytes as JSON; a text that was cut says so.
pub(super) fn cut(text: &str, most: usize) -> String {
    if bytes(&text) <= most {
        return text.to_owned();
    }
    // Room for the two quotation marks, and for what is said of the rest.
    let mut room = most.saturating_sub(64);
    let takes = |it: char| match it {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..'\u{20}' => 6,
        _ => it.len_utf8(),
    };
    let fits = |it: &char| {
        let left = room.checked_sub(takes(*it));
        room = left.unwrap_or(0);
        left.is_some()
    };
    let kept: String = text.chars().take_while(fits).collect();
    let rest = text.len() - kept.len();
    format!("{kept} … ({rest} more bytes were cut)")
}

impl Report {
    /// Returns the report as it is kept where nobody can be told any more that it is too long: texts are cut, and findings that do not
    /// fit are counted.
    #[must_use]
    pub fn within_room(self) -> Self {
        if bytes(&self) <= MOST_SAID {
            return self;
        }
        let most = MOST_SAID - FRAME;
        match self {
            Self::Done { summary } => Self::Done { summary: cut(&summary, most) },
            Self::Question { text } => Self::Question { text: cut(&text, most) },
            Self::Verdict { verdict, reason, findings } => {
                let reason = cut(&reason, most / 4);
                let all = findings.len();
                let findings = first_that_fit(findings, most - most / 4);
                let reason = match all - findings.len() {
                    0 => reason,
                    rest => format!("{reason} ({rest} more findings were cut)"),
                };
                Self::Verdict { verdict, reason, findings }
            }
        }
    }
}

fn first_that_fit(findings: Vec<NewFinding>, mut room: usize) -> Vec<NewFinding> {
    let shortened =
        findings.into_iter().map(|it| NewFinding { text: cut(&it.text, MOST_WORD), ..it });
    let fits = |it: &NewFinding| {
        // A comma more.
        let left = room.checked_sub(bytes(it) + 1);
        room = left.unwrap_or(0);
        left.is_some()
    };
    shortened.take_while(fits).collect()
}

/// Returns `death` as it is kept with the attempt's end.
pub(super) fn death_within_room(mut death: DeathDoc) -> DeathDoc {
    death.oom = cut(&death.oom, MOST_WORD);
    death.signal = death.signal.map(|it| cut(&it, MOST_WORD));
    death.last_tool = death.last_tool.map(|it| cut(&it, MOST_WORD));
    death.last_output = cut(&death.last_output, MOST_OUTPUT);
    let (all, mut room) = (death.orphans.len(), MOST_ORPHANS);
    death.orphans.retain(|it| {
        let left = room.checked_sub(bytes(it) + 1);
        room = left.unwrap_or(0);
        left.is_some()
    });
    if death.orphans.len() < all {
        death.orphans.push(format!("and {} more", all - death.orphans.len()));
    }
    death
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ticket::{AttemptEnd, EndClass, Event, VerdictWord};

    /// The most that an event may take.
    const EVENT: usize = 64 * 1024;

    fn finding(text: &str) -> NewFinding {
        NewFinding { file: Some("a.rs".into()), line: Some(1), text: text.into(), command: None }
    }

    #[test]
    fn what_fits_is_kept_as_it_is_and_what_does_not_says_that_it_was_cut() {
        assert_eq!(cut("short", 64), "short");
        for text in ["x".repeat(100_000), "\u{1}".repeat(100_000), "\"ä\n".repeat(50_000)] {
            let kept = cut(&text, MOST_SAID);
            assert!(bytes(&kept) <= MOST_SAID && bytes(&kept) > MOST_SAID - 128);
            let start = kept.split_once(" … (").expect("it says so").0;
            assert!(text.starts_with(start));
            assert!(kept.ends_with(&format!("({} more bytes were cut)", text.len() - start.len())));
        }
    }

    #[test]
    fn a_report_that_nobody_can_be_told_of_is_cut_to_what_is_kept() {
        let long = "wrong ".repeat(20_000);
        let done = Report::Done { summary: long.clone() }.within_room();
        assert_eq!(fits(&done), Ok(()));
        let question = Report::Question { text: long.clone() }.within_room();
        assert_eq!(fits(&question), Ok(()));
        let findings = vec![finding(&"y".repeat(1_500)); 50];
        let (verdict, reason) = (VerdictWord::Changes, long);
        let cut = Report::Verdict { verdict, reason, findings }.within_room();
        assert_eq!(fits(&cut), Ok(()));
        let Report::Verdict { reason, findings, .. } = cut else { panic!("{cut:?}") };
        assert!(findings.len() > 10 && findings.iter().all(|it| it.text.len() == 1_500));
        assert!(reason.ends_with(&format!("({} more findings were cut)", 50 - findings.len())));
        let short = Report::Done { summary: "done".into() };
        assert_eq!(short.clone().within_room(), short);
    }

    #[test]
    fn the_end_of_an_attempt_fits_into_an_event_whatever_its_program_left() {
        let long = "\u{1}".repeat(70_000);
        let death = DeathDoc {
            exit_code: Some(1),
            signal: Some(long.clone()),
            oom: long.clone(),
            max_rss_bytes: Some(u64::MAX),
            last_tool: Some(long.clone()),
            last_output: "\u{1}".repeat(2_048),
            orphans: vec!["{\"pid\":1,\"comm\":\"sh\",\"ended\":true}".into(); 5_000],
        };
        let death = death_within_room(death);
        assert_eq!(death.last_output.len(), 2_048);
        assert!(death.orphans.last().is_some_and(|it| it.starts_with("and ")));
        let end = AttemptEnd {
            class: EndClass::Crashed,
            summary: cut(&long, MOST_SAID),
            death: Some(death),
            by_itself: false,
            at: crate::ids::Timestamp::UNIX_EPOCH,
        };
        let (attempt, end) = (crate::ids::AttemptId(1), Box::new(end));
        assert!(bytes(&Event::AttemptEnded { attempt, record: 1, end, retry_at: None }) < EVENT);
    }
}
