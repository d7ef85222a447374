//! Stories at the doors: a real home on SQLite and a real repository, asked over HTTP in this process.

mod access;
mod api;
mod forms;
mod live;
mod openapi;
mod served;
mod speed;
mod stage;
mod streams;
