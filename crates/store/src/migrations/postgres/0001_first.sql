-- The last `seq` of the whole log (row `log`), and the head of each chain (a project's key, or `home`).
CREATE TABLE head (
    name TEXT COLLATE "C" PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL
);
INSERT INTO head (name, seq, hash) VALUES ('log', 0, '');

CREATE TABLE stream (
    stream TEXT COLLATE "C" PRIMARY KEY,
    version BIGINT NOT NULL CHECK (version > 0),
    aggregate TEXT COLLATE "C" NOT NULL,
    view TEXT COLLATE "C"
);

CREATE TABLE event (
    seq BIGINT PRIMARY KEY CHECK (seq > 0),
    stream TEXT COLLATE "C" NOT NULL REFERENCES stream (stream),
    project TEXT COLLATE "C",
    version BIGINT NOT NULL CHECK (version > 0),
    at TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    principal TEXT COLLATE "C" NOT NULL,
    attempt TEXT COLLATE "C",
    epoch BIGINT,
    body TEXT COLLATE "C" NOT NULL,
    prev TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX event_by_stream ON event (stream, version);
CREATE INDEX event_by_project ON event (project, seq);

CREATE TABLE ticket (
    key TEXT COLLATE "C" PRIMARY KEY REFERENCES stream (stream),
    project TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL CHECK (number > 0),
    state TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C",
    parent TEXT COLLATE "C",
    priority BIGINT NOT NULL CHECK (priority BETWEEN 0 AND 3),
    open BIGINT NOT NULL CHECK (open IN (0, 1)),
    doc TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX ticket_by_number ON ticket (project, number);
CREATE INDEX ticket_by_parent ON ticket (parent) WHERE parent IS NOT NULL;
CREATE INDEX ticket_that_is_open ON ticket (project, number) WHERE open = 1;

CREATE TABLE projection (
    kind TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    stream TEXT COLLATE "C" NOT NULL REFERENCES stream (stream),
    ticket TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    ord BIGINT NOT NULL,
    doc TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX projection_by_ord ON projection (kind, ord);
CREATE INDEX projection_by_ticket ON projection (ticket, kind, ord);
CREATE INDEX projection_by_state ON projection (kind, state, ord);

-- One row per ticket that ever had a lease: its highest epoch, and whether it is held.
CREATE TABLE lease (
    ticket TEXT COLLATE "C" PRIMARY KEY REFERENCES stream (stream),
    attempt TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    until TEXT COLLATE "C" NOT NULL,
    live BIGINT NOT NULL CHECK (live IN (0, 1))
);

CREATE TABLE answer (
    principal TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    answer TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (principal, key)
);

CREATE TABLE secret (
    kind TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    principal TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    project TEXT COLLATE "C",
    label TEXT COLLATE "C" NOT NULL,
    created_at TEXT COLLATE "C" NOT NULL,
    expires_at TEXT COLLATE "C",
    PRIMARY KEY (kind, hash)
);
