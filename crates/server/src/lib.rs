//! The doors to Mission Control over HTTP.

pub mod pages;
