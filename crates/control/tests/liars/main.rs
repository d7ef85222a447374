//! The liar suite: ways to get a gate passed without earning it, each played on a real repository with the real checks.
//! None passes, and each refusal says what was seen. Ways to get a signed packet past its check are in
//! `crates/evidence/tests/it/signed.rs`, ways past a sandbox with the danger suite.

mod branches;
mod claims;
mod days;
mod elsewhere;
mod files;
mod landing;
mod launches;
mod long;
mod records;
mod reopened;
mod reviews;
mod rows;
mod rules;
mod runner;
mod schedules;
mod stage;
mod standstill;
mod take_back;
