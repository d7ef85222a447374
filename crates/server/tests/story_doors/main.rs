//! Stories at the doors: a real home on SQLite and a real repository, asked over HTTP in this process.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on fails")]

mod access;
mod api;
mod approvals;
mod console;
mod forms;
mod live;
mod openapi;
mod reader;
mod served;
mod stage;
mod streams;
