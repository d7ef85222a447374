//! Every statement of the store, for the test that prepares each on a real engine.

use super::super::dialect;
use super::{read, verify, write};

/// Returns the text of every statement.
pub(crate) fn statements() -> Vec<String> {
    let fixed = [
        dialect::LOOK,
        dialect::PUT_STREAMS,
        dialect::PUT_EVENTS,
        dialect::PUT_TICKETS,
        dialect::PUT_PROJECTIONS,
        dialect::PUT_LEASES,
        dialect::PUT_HEADS,
        dialect::PUT_ANSWERS,
        write::RENEW,
        write::TAKE_SECRET,
        write::DROP_EXPIRED_SECRETS,
        write::PUT_SECRET,
        write::PUT_SHAPE,
        verify::HEADS,
        verify::VERSIONS,
        verify::PAGE_OF_EVENTS,
        verify::ROWS,
    ];
    let fixed = fixed.into_iter().chain(dialect::LOCK).map(Into::into);
    fixed.chain(read::statements()).collect()
}
