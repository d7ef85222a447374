//! Dangerous things that real lanes try, and guarded commands that a person permits. What is prevented and what is only
//! discouraged is told by what the suite saw.

mod approvals;
mod ends;
mod files;
mod secrets;
mod stage;
mod suite;
mod tries;
mod unheld;
