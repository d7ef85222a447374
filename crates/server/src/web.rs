//! The pages' doors: each GET fills one view, each form post is one command and leads back.

pub(crate) mod read;

use axum::Router;
use axum::response::{IntoResponse as _, Response};

use crate::app::Site;
use crate::problem::Problem;

pub(crate) fn router(_site: &Site) -> Router<Site> {
    Router::new()
}

/// Returns a problem as a page for who is not signed in.
pub(crate) fn bare_problem(problem: &Problem) -> Response {
    problem.clone().into_response()
}
