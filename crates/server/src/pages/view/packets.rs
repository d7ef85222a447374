//! What the pages of packets show.

use mission_domain::doc::{GateDoc, SignoffDoc, TicketDoc};
use mission_domain::ids::Timestamp;

use super::Shell;
use crate::pages::PacketView;
use crate::pages::diff::parse::Patch;
use crate::pages::diff::{Change, Style};
use crate::pages::words;

/// The page *Packets*.
#[derive(Debug, Clone)]
pub struct PacketsView {
    /// What stands around it.
    pub shell: Shell,
    /// The newest packet of each gate, the latest first: those of this page.
    pub packets: Vec<PacketLine>,
    /// The status that the list is limited to.
    pub status: Option<String>,
    /// How many of all packets have each status.
    pub counts: Vec<(String, u32)>,
    /// How many packets the list has, over all of its pages.
    pub total: usize,
    /// How many of them come before the first one shown.
    pub from: usize,
}

/// One packet in the list.
#[derive(Debug, Clone)]
pub struct PacketLine {
    /// Its ticket's key.
    pub key: String,
    /// The ticket's title.
    pub title: String,
    /// The gate whose newest packet it is.
    pub gate: GateDoc,
    /// Whether whoever looks owes what the ticket waits for.
    pub is_owed: bool,
    /// When it was last decided on, or since when it waits for that.
    pub at: Timestamp,
}

/// The page *Packet*.
#[derive(Debug, Clone)]
pub struct PacketPage {
    /// What stands around it.
    pub shell: Shell,
    /// The ticket.
    pub ticket: TicketDoc,
    /// The gate that the packet is the evidence for.
    pub gate: GateDoc,
    /// The packet.
    pub packet: PacketView,
    /// When it was sealed, where the log still says it.
    pub sealed_at: Option<Timestamp>,
    /// The change from base to commit, or why it cannot be shown; nothing where the packet is about no commit.
    pub patch: Option<Result<Patch, String>>,
    /// How the two sides stand.
    pub style: Style,
    /// Whether the diff has the page for itself.
    pub is_diff: bool,
    /// The earlier round that the change is shown since; nothing where all of it is shown.
    pub since: Option<Since>,
}

/// The work since an earlier round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The commit of that round.
    pub commit: String,
    /// Which commit became which, as `git range-diff` tells it, and whether it was cut; or why nobody can tell.
    pub commits: Result<(String, bool), String>,
    /// The difference of the two; nothing where the work was put on another base.
    pub patch: Option<Patch>,
}

impl PacketPage {
    /// Returns `patch` as a change from base to commit, with what is said of it.
    pub(in crate::pages) fn change<'a>(&'a self, patch: &'a Patch) -> Change<'a> {
        let commit = |it: &'a Option<String>| it.as_deref().unwrap_or_default();
        let packet = words::packet_path(&self.ticket.key, &self.gate.id);
        let (before, after) = (commit(&self.packet.base), commit(&self.packet.commit));
        Change { patch, findings: &self.ticket.findings, packet, before, after }
    }

    /// Returns the earlier commits that somebody decided on, the newest first, with who did and on which gate.
    pub fn earlier(&self) -> Vec<(&str, &SignoffDoc, &str)> {
        let gates = self.ticket.gates.iter();
        let all = gates.flat_map(|gate| gate.signoffs.iter().map(move |it| (gate, it)));
        let about = all.filter_map(|(gate, it)| Some((it.commit.as_deref()?, it, &*gate.id)));
        let mut all: Vec<_> = about.collect();
        all.sort_by_key(|it| std::cmp::Reverse(it.1.at));
        let mut seen: Vec<&str> = self.packet.commit.as_deref().into_iter().collect();
        all.retain(|it| {
            !seen.contains(&it.0) && {
                seen.push(it.0);
                true
            }
        });
        all
    }
}
