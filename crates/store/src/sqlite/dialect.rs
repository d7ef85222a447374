//! What only SQLite says, or says its own way.

use std::sync::Arc;

use crate::Error;

pub(crate) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
pub(crate) const BEGIN_READ: &str = "BEGIN";

/// Beginning a write takes the lock already.
pub(crate) const LOCK: Option<&str> = None;

pub(crate) const JOINED: &str = "group_concat(doc, ',')";

pub(crate) const LOOK: &str = "
    SELECT 'head' AS what, name AS a, '' AS b, seq AS n, hash AS t FROM head
        WHERE name IN (SELECT value FROM json_each($1))
    UNION ALL SELECT 'stream', stream, '', version, NULL FROM stream
        WHERE stream IN (SELECT value FROM json_each($2))
    UNION ALL SELECT CASE live WHEN 1 THEN 'live' ELSE 'ended' END, ticket, attempt, epoch, until
        FROM lease WHERE ticket IN (SELECT value FROM json_each($2))
    UNION ALL SELECT 'projection', p.kind, p.id, 0, p.stream FROM json_each($3) w
        CROSS JOIN projection p ON p.kind = w.value ->> 0 AND p.id = w.value ->> 1
    UNION ALL SELECT 'answer', g.principal, g.key, 0, g.answer FROM json_each($4) w
        CROSS JOIN answer g ON g.principal = w.value ->> 0 AND g.key = w.value ->> 1";

pub(crate) const PUT_STREAMS: &str = "
    INSERT INTO stream (stream, version, aggregate, view)
    SELECT value ->> 'stream', value ->> 'version', value ->> 'aggregate', value ->> 'view'
    FROM json_each($1) WHERE true
    ON CONFLICT (stream) DO UPDATE SET
        version = excluded.version, aggregate = excluded.aggregate, view = excluded.view
    WHERE stream.version <= excluded.version";

pub(crate) const PUT_EVENTS: &str = "
    INSERT INTO event
        (seq, stream, project, version, at, kind, principal, attempt, epoch, body, prev, hash)
    SELECT value ->> 'seq', value ->> 'stream', value ->> 'project', value ->> 'version',
        value ->> 'at', value ->> 'kind', value ->> 'principal', value ->> 'attempt',
        value ->> 'epoch', value ->> 'body', value ->> 'prev', value ->> 'hash'
    FROM json_each($1)";

pub(crate) const PUT_TICKETS: &str = "
    INSERT INTO ticket (key, project, number, state, role, parent, priority, open, doc)
    SELECT value ->> 'key', value ->> 'project', value ->> 'number', value ->> 'state',
        value ->> 'role', value ->> 'parent', value ->> 'priority', value ->> 'open',
        value ->> 'doc'
    FROM json_each($1) WHERE true
    ON CONFLICT (key) DO UPDATE SET state = excluded.state, role = excluded.role,
        parent = excluded.parent, priority = excluded.priority, open = excluded.open,
        doc = excluded.doc";

pub(crate) const PUT_PROJECTIONS: &str = "
    INSERT INTO projection (kind, id, stream, ticket, state, ord, doc)
    SELECT value ->> 'kind', value ->> 'id', value ->> 'stream', value ->> 'ticket',
        value ->> 'state', value ->> 'ord', value ->> 'doc'
    FROM json_each($1) WHERE true
    ON CONFLICT (kind, id) DO UPDATE SET ticket = excluded.ticket, state = excluded.state,
        ord = excluded.ord, doc = excluded.doc
    WHERE projection.stream = excluded.stream";

pub(crate) const PUT_LEASES: &str = "
    INSERT INTO lease (ticket, attempt, epoch, until, live)
    SELECT value ->> 'ticket', value ->> 'attempt', value ->> 'epoch', value ->> 'until',
        value ->> 'live'
    FROM json_each($1) WHERE true
    ON CONFLICT (ticket) DO UPDATE SET attempt = excluded.attempt, epoch = excluded.epoch,
        until = excluded.until, live = excluded.live
    WHERE excluded.epoch > lease.epoch
        OR (excluded.epoch = lease.epoch AND lease.live = 1 AND excluded.live = 0)";

pub(crate) const PUT_HEADS: &str = "
    INSERT INTO head (name, seq, hash)
    SELECT value ->> 'name', value ->> 'seq', value ->> 'hash' FROM json_each($1) WHERE true
    ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
    WHERE head.seq < excluded.seq";

pub(crate) const PUT_ANSWERS: &str = "
    INSERT INTO answer (principal, key, answer)
    SELECT value ->> 'principal', value ->> 'key', value ->> 'answer' FROM json_each($1)";

/// Returns whether the engine refused what it was given, rather than being unable to work.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    // Error, too big, constraint, type mismatch, index out of range: https://sqlite.org/rescode.html
    matches!(result_code(error), Some(1 | 18 | 19 | 20 | 25))
}

/// Returns what a caller has to know of the engine's error.
pub(crate) fn error(error: sqlx::Error) -> Error {
    match result_code(&error) {
        // Corrupt, not a database.
        Some(11 | 26) => Error::Corrupt(error.to_string()),
        Some(13) => Error::Full(Arc::new(error)),
        Some(_) | None => Error::Unavailable(Arc::new(error)),
    }
}

fn result_code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
