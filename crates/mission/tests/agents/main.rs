//! The whole product with real codex and real claude: `mission up`, an empty `mission.toml`, a person on the command line. The model
//! alone is scripted. Needs `cargo xtask agents` once, and fails where it was not run.

mod accidents;
mod doctor;
mod gates;
mod kept;
mod more;
mod stage;
mod storm;
mod unwell;
