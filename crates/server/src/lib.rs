//! The doors to Mission Control over HTTP: JSON API, pages, live streams. It decides nothing: each request is one command or one read.

mod api;
mod app;
mod auth;
mod console;
mod events;
mod guard;
mod live;
mod once;
mod openapi;
pub mod pages;
mod pass;
mod peer;
mod problem;
mod web;

pub use app::{App, router, serve};
