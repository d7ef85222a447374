//! `mission approval`, `approve` and `deny`: guarded actions.

use super::Done;

/// Says that approvals are not there yet.
pub(crate) fn run(name: &str) -> Done {
    super::not_built(name, "guarded actions stay refused: do them yourself, outside the lane")
}
