//! The demo's tickets, and what must be true of each at the end.

use crate::agents::Part;

/// The state that a ticket must be in at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Landed on the default branch.
    Landed,
    /// Done without a commit of its own.
    Done,
    /// Still set aside.
    Parked,
}

impl Ends {
    /// Returns the state's word.
    pub fn state(self) -> &'static str {
        match self {
            Self::Landed | Self::Done => "done",
            Self::Parked => "parked",
        }
    }
}

/// What must have happened to a ticket on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// Nothing in particular.
    Plain,
    /// Every one of its gates passed, eight of them.
    EightGates,
    /// QA asked for changes once, and passed it later.
    SentBack,
    /// First validation refuted a claim, and passed it later.
    Refuted,
    /// An attempt died by a signal, and a later one delivered.
    Died,
    /// It was filed behind another ticket, which landed first.
    Waited,
    /// No attempt was ever made.
    Untouched,
}

/// One ticket of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scripted {
    /// Its title; no two are alike.
    pub title: &'static str,
    /// Its text, with the line that its agents look for.
    pub body: String,
    /// What a viewer should look at.
    pub look: &'static str,
    /// Its part; none for what no agent works.
    pub part: Option<Part>,
    /// Whether it is the campaign that the others belong to.
    pub is_campaign: bool,
    /// Whether it belongs to the campaign.
    pub is_child: bool,
    /// Its workflow; the project's default where none is named.
    pub workflow: Option<&'static str>,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// The part that must be done first.
    pub waits_for: Option<Part>,
    /// Whether it is filed set aside.
    pub is_parked: bool,
    /// How it must end.
    pub ends: Ends,
    /// What must have happened to it.
    pub trace: Trace,
}

impl Scripted {
    fn work(part: Part, title: &'static str, request: &str, trace: Trace) -> Self {
        Self {
            title,
            body: format!("{request}\n\n{}", part.line()),
            look: "",
            part: Some(part),
            is_campaign: false,
            is_child: true,
            workflow: None,
            labels: &[],
            waits_for: None,
            is_parked: false,
            ends: Ends::Landed,
            trace,
        }
    }
}

/// Returns the demo's tickets in the order in which they are filed. Without a browser the visual one is left out.
pub fn campaign(with_browser: bool) -> Vec<Scripted> {
    let mut tickets = vec![autumn()];
    if with_browser {
        tickets.push(Scripted {
            look: "a visual redesign through all eight gates, with pictures before and after",
            workflow: Some("visual-redesign"),
            labels: &["visual", "user_facing"],
            ..Scripted::work(
                Part::Redesign,
                "A berth for tonight: redesign the booking page",
                "The page is a table. Make it one promise, one search, and the harbours as cards, in both colour schemes.",
                Trace::EightGates,
            )
        });
    }
    tickets.extend([
        Scripted {
            look: "the coder claims tests that fail: refuted, then mended",
            workflow: Some("quick-fix"),
            ..Scripted::work(
                Part::LongStay,
                "Every seventh night is free",
                "Take one night off the price for every seven nights.",
                Trace::Refuted,
            )
        },
        Scripted {
            look: "QA finds a hole in the diff and sends it back once",
            ..Scripted::work(
                Part::Filter,
                "Show only the harbours that the guest asked for",
                "Filter the list by the name in the address. Say so where no harbour has that name.",
                Trace::SentBack,
            )
        },
        Scripted {
            look: "the coder dies of a segmentation fault and is tried again",
            workflow: Some("quick-fix"),
            ..Scripted::work(
                Part::Hours,
                "Print the harbour office's hours",
                "A script that prints the hours of a month, and refuses a month that does not exist.",
                Trace::Died,
            )
        },
        Scripted {
            look: "waits until the free nights have landed",
            workflow: Some("docs"),
            waits_for: Some(Part::LongStay),
            ..Scripted::work(
                Part::Leaflet,
                "Tell guests of the free nights",
                "Add the free nights to the leaflet, with two examples.",
                Trace::Waited,
            )
        },
        winter(),
    ]);
    tickets
}

/// Returns what is filed once the scripts have ended and somebody watches: tickets that wait for a person, and for no script.
pub fn left_to_you() -> Vec<Scripted> {
    vec![
        Scripted {
            look: "a question: the plan waits for your answer",
            is_child: false,
            ..Scripted::work(
                Part::Flag,
                "Choose the flag for the winter",
                "Write down which flag flies over the office from November to March. Ask which one.",
                Trace::Plain,
            )
        },
        Scripted {
            look: "a change to read: sign it off, or ask for changes with a comment on a line",
            is_child: false,
            workflow: Some("docs"),
            ..Scripted::work(
                Part::Arrival,
                "Tell guests how to arrive by night",
                "A leaflet: the lights, the depth, whom to call.",
                Trace::Plain,
            )
        },
    ]
}

fn autumn() -> Scripted {
    Scripted {
        look: "the campaign: done when its tickets are",
        body: "Everything for the autumn: the page, the prices, the hours.".to_owned(),
        part: None,
        is_campaign: true,
        is_child: false,
        ends: Ends::Done,
        ..Scripted::work(Part::Redesign, "Autumn at the harbour", "", Trace::Untouched)
    }
}

fn winter() -> Scripted {
    Scripted {
        look: "a parked plan: nobody is ever sent to it",
        body: "Berths ashore from November on. Not before the crane is repaired.".to_owned(),
        part: None,
        is_child: false,
        is_parked: true,
        ends: Ends::Parked,
        ..Scripted::work(Part::Redesign, "Plan: winter berths ashore", "", Trace::Untouched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ticket_can_be_told_by_its_title_and_what_it_waits_for_is_filed_before_it() {
        for with_browser in [true, false] {
            let tickets = campaign(with_browser);
            assert_eq!(tickets.len(), if with_browser { 7 } else { 6 });
            assert_eq!(tickets.iter().any(|it| it.labels.contains(&"visual")), with_browser);
            for (number, ticket) in tickets.iter().enumerate() {
                let before = &tickets[..number];
                assert!(before.iter().all(|it| it.title != ticket.title), "{}", ticket.title);
                assert!(
                    ticket
                        .waits_for
                        .is_none_or(|part| before.iter().any(|it| it.part == Some(part)))
                );
                assert_eq!(ticket.part.is_some(), ticket.body.contains("Scripted part: "));
            }
        }
    }
}
