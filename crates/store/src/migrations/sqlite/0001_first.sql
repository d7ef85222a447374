-- The last `seq` of the whole log (row `log`), and the head of each chain (a project's key, or `home`).
CREATE TABLE head (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO head (name, seq, hash) VALUES ('log', 0, '');

CREATE TABLE stream (
    stream TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK (version > 0),
    aggregate TEXT NOT NULL,
    view TEXT
) STRICT;

CREATE TABLE event (
    seq INTEGER PRIMARY KEY CHECK (seq > 0),
    stream TEXT NOT NULL REFERENCES stream (stream),
    project TEXT,
    version INTEGER NOT NULL CHECK (version > 0),
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    principal TEXT NOT NULL,
    attempt TEXT,
    epoch INTEGER,
    body TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_by_stream ON event (stream, version);
CREATE INDEX event_by_project ON event (project, seq);

CREATE TABLE ticket (
    key TEXT PRIMARY KEY REFERENCES stream (stream),
    project TEXT NOT NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    state TEXT NOT NULL,
    role TEXT,
    parent TEXT,
    priority INTEGER NOT NULL CHECK (priority BETWEEN 0 AND 3),
    open INTEGER NOT NULL CHECK (open IN (0, 1)),
    doc TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX ticket_by_number ON ticket (project, number);
CREATE INDEX ticket_by_parent ON ticket (parent) WHERE parent IS NOT NULL;
CREATE INDEX ticket_that_is_open ON ticket (project, number) WHERE open = 1;

CREATE TABLE projection (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    stream TEXT NOT NULL REFERENCES stream (stream),
    ticket TEXT,
    state TEXT NOT NULL,
    ord INTEGER NOT NULL,
    doc TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;
CREATE INDEX projection_by_ord ON projection (kind, ord);
CREATE INDEX projection_by_ticket ON projection (ticket, kind, ord);
CREATE INDEX projection_by_state ON projection (kind, state, ord);

-- One row per ticket that ever had a lease: its highest epoch, and whether it is held.
CREATE TABLE lease (
    ticket TEXT PRIMARY KEY REFERENCES stream (stream),
    attempt TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    until TEXT NOT NULL,
    live INTEGER NOT NULL CHECK (live IN (0, 1))
) STRICT;

CREATE TABLE answer (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    answer TEXT NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT;

CREATE TABLE secret (
    kind TEXT NOT NULL,
    hash TEXT NOT NULL,
    principal TEXT NOT NULL,
    role TEXT NOT NULL,
    project TEXT,
    label TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    PRIMARY KEY (kind, hash)
) STRICT;
