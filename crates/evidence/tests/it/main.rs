//! Evidence on real repositories in temporary directories.

mod land;
mod place;
mod reading;
mod workspaces;
