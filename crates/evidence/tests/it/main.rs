//! Evidence on real repositories in temporary directories.

mod checks;
mod land;
mod packets;
mod past;
mod pictures;
mod place;
mod places;
mod plain;
mod reading;
mod signed;
mod workspaces;
