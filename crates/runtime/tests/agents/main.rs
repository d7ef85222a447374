//! Real codex and real claude in a lane, against the scripted model. The same stories for both: what a driver promises does not
//! depend on the program behind it. They need `cargo xtask agents` once, and fail where it was not run.
#![expect(clippy::unwrap_used, reason = "a story fails where it stands")]

mod deaths;
#[path = "../stories/fleet.rs"]
#[expect(dead_code, reason = "shared with the stories, which need more of it")]
mod fleet;
mod lane;
mod matrix;
mod relay;
mod screen;
#[path = "../stories/stage.rs"]
#[expect(dead_code, reason = "shared with the stories, which need more of it")]
mod stage;
mod turns;
