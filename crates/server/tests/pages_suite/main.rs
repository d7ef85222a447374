//! The pages, rendered from rich sample documents: what they say, what they escape, and how big they are.

mod fragments;
mod look;
mod safety;
mod sample;
mod size;
