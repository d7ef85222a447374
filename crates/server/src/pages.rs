//! The web pages: pure functions from a view to markup. Nothing here fetches, decides or keeps anything.
//!
//! A page is `fn page(&View) -> maud::Markup`; whoever answers the request fills the view. The structs are in [`view`],
//! the parts that the live stream sends again in [`fragment`].
//!
//! # Addresses that pages link to
//!
//! | GET | answers |
//! | --- | --- |
//! | `/needs-you`, `/board`, `/fleet`, `/packets`, `/calibration`, `/policy`, `/digest`, `/projects`, `/settings`, `/tickets/new`, `/tickets/KEY` | the pages; `?project=KEY` limits lists (empty: all) and is remembered |
//! | `/board?q=&campaign=&role=&label=&mine=yes&by=campaign\|role&all=STATE&from=N` | the board, limited and grouped; `all` leafs through one column from ticket `N` on; empty values count as absent; `q` that is a key leads to that ticket |
//! | `/tickets/KEY?part=dependencies\|activity` | the other parts of a campaign's page |
//! | `/tickets/KEY/packets/GATE`, `…/diff?style=split` | the newest packet of a gate, and its change |
//! | `/palette?q=` | what the command palette offers, as a fragment |
//! | `/artifacts/HEX` | an artifact by its SHA-256 |
//! | `/assets/PATH` | [`assets::asset`] |
//! | `/live?page=needs-you\|board\|ticket\|fleet&key=&project=&after=SEQ` | the live stream, see below |
//!
//! # What forms post
//!
//! All are `POST` with `application/x-www-form-urlencoded`. Every one has `csrf`. Those on a ticket also have
//! `back` (`needs-you` or `ticket`: where the answer leads).
//!
//! | address | fields beside those |
//! | --- | --- |
//! | `/tickets` | `project`, `title`, `body`, `workflow` (may be empty), `kind`, `priority`, `labels`, `parent`, `blocked_by` (both lists split by spaces or commas), `park` (`true` or absent); `csrf`, no `back` |
//! | `/tickets/KEY/verdict` | `gate`, `packet` (digest, or empty where there was none), `judged` (how many verdicts the gate had when the form was made; may be absent), `verdict` = `pass`, `changes`, `fail` or `waive`, `reason` (may be empty for `pass`), `findings` (one a line: `FILE:LINE:TEXT`, `FILE:TEXT` or `TEXT`; may be absent), `finding` (the same, one a field, of several lines) |
//! | `/tickets/KEY/withdraw` | `gate` |
//! | `/tickets/KEY/answer` | `attempt` (that asked), `text` |
//! | `/tickets/KEY/report` | `attempt`, `kind` = `done` or `question`, `text`: a person's own work on a gate |
//! | `/tickets/KEY/say` | `text` |
//! | `/tickets/KEY/take-back` | `message` (the id of one that a person said) |
//! | `/tickets/KEY/park`, `/unpark`, `/reopen` | none |
//! | `/tickets/KEY/cancel`, `/retry` | `reason` |
//! | `/operator/O-4/undo` | none; no `back` |
//! | `/lanes/ROLE/pause`, `/resume` | `project`; no `back` |
//! | `/runtimes/NAME/resume` | none; no `back` |
//! | `/digest/seen` | `until` (seconds since 1970), `project` (absent: all); no `back` |
//! | `/settings/invite`, `/settings/tokens` | `name`, `role`, and for a token `project`; no `back` |
//! | `/settings/people/NAME/role` | `role`; no `back` |
//! | `/settings/people/NAME/remove`, `/settings/people/NAME/withdraw` | none; no `back` |
//! | `/settings/tokens/NAME/revoke`, `/settings/sessions/ID/end` | none; no `back` |
//! | `/sign-in` | `code` |
//! | `/sign-out` | none |
//!
//! A verdict whose `packet` is not the gate's newest any more, or on a gate that got another verdict since `judged`, is refused
//! with [`problem::page`] and [`view::Problem::Conflict`], which says who or what was first. Success answers 303 to `back` with
//! `?did=KEY`, so that the next page tells once what was done, with its undo.
//!
//! # What the live stream sends
//!
//! Every event has `id: SEQ`, so that a lost link resumes with `Last-Event-ID`.
//!
//! | event | data |
//! | --- | --- |
//! | `fragment` | one or more elements with stable ids, as [`fragment`] makes them. Known ids are morphed; an unknown one is appended to the element that its `data-into` names; one whose `data-into` differs from where it is moves there |
//! | `list` | JSON `{"id":"log","first":["event-9"],"gone":["event-2"],"html":"…"}`: of the list `log`, the rows in `gone` go, those in `first` come first in this order (new ones are in `html`), the others stay as they are |
//! | `gone` | one id to be removed |
//! | `output` | JSON `{"attempt":"A-31","text":"…"}`, appended to the terminal as text |
//! | `clock` | the server's time as milliseconds since 1970, at least every 10 s: it keeps "live" true |
//! | `said` | one sentence to announce, like `MC-7 waits for you: sign off the plan` |
//!
//! No page needs an inline script or style: `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';
//! font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'` holds.

pub mod assets;
pub mod bands;
pub mod board;
mod budget;
pub mod calibration;
pub mod campaign;
pub mod diff;
pub mod digest;
pub mod fleet;
pub mod form;
pub mod fragment;
pub mod needs_you;
pub mod new_ticket;
pub mod packet_page;
pub mod packet_view;
pub mod packets;
pub mod palette;
pub mod policy;
pub mod problem;
pub mod projects;
pub mod settings;
pub mod sign_in;
pub mod ticket;
pub mod view;
pub mod words;

mod approval;
mod ask;
mod card;
mod glyph;
pub(crate) mod output;
mod prose;
mod seen;
mod shell;
mod svg;

pub use packet_view::{PacketView, TextView};
pub(crate) use seen::seen;
