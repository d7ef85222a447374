//! stub
use crate::app::Site;
use crate::problem::Problem;
use axum::extract::State;
pub(crate) async fn live(State(_): State<Site>) -> Problem {
    Problem::not_found("not yet")
}
