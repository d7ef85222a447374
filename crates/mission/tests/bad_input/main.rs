//! Bad input, given to the real program: each has a clear error and an exit code, and nothing is lost.
#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails")]

mod agents;
mod config;
mod disk;
mod homes;
mod lanes;
mod place;
mod repositories;
mod requests;
