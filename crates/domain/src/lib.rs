//! Tickets, gates and roles as plain data and pure functions. No IO: time and ids arrive as arguments.

pub mod ability;
pub mod access;
pub mod agents;
pub mod config;
pub mod day;
pub mod doc;
pub mod entry;
pub mod guard;
pub mod home;
pub mod ids;
pub mod mutants;
pub mod plan;
pub mod principal;
pub mod rules;
pub mod schedule;
pub mod sessions;
pub mod spending;
pub mod ticket;
pub mod told;
pub mod unseen;
