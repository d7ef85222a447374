//! Evidence on real repositories in temporary directories.

mod checks;
mod figures;
mod land;
mod packets;
mod pictures;
mod place;
mod reading;
mod signed;
mod workspaces;
