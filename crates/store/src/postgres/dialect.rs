//! What only PostgreSQL says, or says its own way.

use std::sync::Arc;

use crate::Error;

pub(crate) const BEGIN_WRITE: &str = "BEGIN";
pub(crate) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Orders commits: held from before the first look until the commit is done, so that `seq` has no gap.
pub(crate) const LOCK: Option<&str> = Some("SELECT 1 FROM head WHERE name = 'log' FOR UPDATE");

pub(crate) const JOINED: &str = "string_agg(doc, ',')";

pub(crate) const LOOK: &str = "
    SELECT 'head' AS what, name AS a, '' AS b, seq AS n, hash AS t FROM head
        WHERE name IN (SELECT json_array_elements_text($1::json))
    UNION ALL SELECT 'stream', stream, '', version, NULL FROM stream
        WHERE stream IN (SELECT json_array_elements_text($2::json))
    UNION ALL SELECT CASE live WHEN 1 THEN 'live' ELSE 'ended' END, ticket, attempt, epoch, until
        FROM lease WHERE ticket IN (SELECT json_array_elements_text($2::json))
    UNION ALL SELECT 'projection', p.kind, p.id, 0, p.stream FROM json_array_elements($3::json) w
        JOIN projection p ON p.kind = w.value ->> 0 AND p.id = w.value ->> 1
    UNION ALL SELECT 'answer', g.principal, g.key, 0, g.answer FROM json_array_elements($4::json) w
        JOIN answer g ON g.principal = w.value ->> 0 AND g.key = w.value ->> 1";

pub(crate) const PUT_STREAMS: &str = "
    INSERT INTO stream (stream, version, aggregate, view)
    SELECT * FROM json_to_recordset($1::json)
        AS r (stream text, version bigint, aggregate text, view text)
    ON CONFLICT (stream) DO UPDATE SET
        version = excluded.version, aggregate = excluded.aggregate, view = excluded.view
    WHERE stream.version <= excluded.version";

pub(crate) const PUT_EVENTS: &str = "
    INSERT INTO event
        (seq, stream, project, version, at, kind, principal, attempt, epoch, body, prev, hash)
    SELECT * FROM json_to_recordset($1::json) AS r (seq bigint, stream text, project text,
        version bigint, at text, kind text, principal text, attempt text, epoch bigint,
        body text, prev text, hash text)";

pub(crate) const PUT_TICKETS: &str = "
    INSERT INTO ticket (key, project, number, state, role, parent, priority, open, doc)
    SELECT * FROM json_to_recordset($1::json) AS r (key text, project text, number bigint,
        state text, role text, parent text, priority bigint, open bigint, doc text)
    ON CONFLICT (key) DO UPDATE SET state = excluded.state, role = excluded.role,
        parent = excluded.parent, priority = excluded.priority, open = excluded.open,
        doc = excluded.doc";

pub(crate) const PUT_PROJECTIONS: &str = "
    INSERT INTO projection (kind, id, stream, ticket, state, ord, doc)
    SELECT * FROM json_to_recordset($1::json) AS r (kind text, id text, stream text,
        ticket text, state text, ord bigint, doc text)
    ON CONFLICT (kind, id) DO UPDATE SET ticket = excluded.ticket, state = excluded.state,
        ord = excluded.ord, doc = excluded.doc
    WHERE projection.stream = excluded.stream";

pub(crate) const PUT_LEASES: &str = "
    INSERT INTO lease (ticket, attempt, epoch, until, live)
    SELECT * FROM json_to_recordset($1::json) AS r (ticket text, attempt text, epoch bigint,
        until text, live bigint)
    ON CONFLICT (ticket) DO UPDATE SET attempt = excluded.attempt, epoch = excluded.epoch,
        until = excluded.until, live = excluded.live
    WHERE excluded.epoch > lease.epoch
        OR (excluded.epoch = lease.epoch AND lease.live = 1 AND excluded.live = 0)";

pub(crate) const PUT_HEADS: &str = "
    INSERT INTO head (name, seq, hash)
    SELECT * FROM json_to_recordset($1::json) AS r (name text, seq bigint, hash text)
    ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, hash = excluded.hash
    WHERE head.seq < excluded.seq";

pub(crate) const PUT_ANSWERS: &str = "
    INSERT INTO answer (principal, key, answer)
    SELECT * FROM json_to_recordset($1::json) AS r (principal text, key text, answer text)";

/// Returns whether the engine refused what it was given, rather than being unable to work.
pub(crate) fn is_refusal(error: &sqlx::Error) -> bool {
    // Cardinality, data, constraint, syntax: https://www.postgresql.org/docs/current/errcodes-appendix.html
    class(error).is_some_and(|class| matches!(class.as_str(), "21" | "22" | "23" | "42"))
}

/// Returns what a caller has to know of the engine's error.
pub(crate) fn error(error: sqlx::Error) -> Error {
    match (code(&error).as_deref(), class(&error).as_deref()) {
        // Disk full.
        (Some("53100"), _) => Error::Full(Arc::new(error)),
        (_, Some("XX")) => Error::Corrupt(error.to_string()),
        (Some(_) | None, _) => Error::Unavailable(Arc::new(error)),
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}

fn class(error: &sqlx::Error) -> Option<String> {
    code(error)?.get(..2).map(ToString::to_string)
}
