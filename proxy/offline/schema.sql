-- The offline queue, version 1. A ticket is one small row; its content lies in tables of its own, so that
-- a change of status never rewrites a body. Times are Unix seconds.

CREATE TABLE tickets (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which tickets were made
    id           TEXT    NOT NULL UNIQUE,            -- unguessable: whoever knows it may read the answer
    status       TEXT    NOT NULL,
    request_id   TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    class_name   TEXT    NOT NULL,
    labels       TEXT    NOT NULL,                   -- JSON list
    reason       TEXT    NOT NULL,
    key          TEXT,                               -- Idempotency-Key; NULL where none was given
    digest       BLOB    NOT NULL,                   -- of the request under that key
    created_s    REAL    NOT NULL,
    due_s        REAL    NOT NULL,                   -- claimable from then on; while RUNNING, the lease's end
    ended_s      REAL,                               -- NULL while pending
    sweep_s      REAL    NOT NULL,                   -- when a sweep has something to do with it
    tries        INTEGER NOT NULL DEFAULT 0,
    token        INTEGER NOT NULL DEFAULT 0,         -- fences: goes up with every claim
    body_bytes   INTEGER NOT NULL,
    charge       INTEGER NOT NULL                    -- bytes that count against the quota
) STRICT;

CREATE UNIQUE INDEX tickets_key ON tickets (key) WHERE key IS NOT NULL;
CREATE INDEX tickets_due ON tickets (due_s, seq) WHERE ended_s IS NULL;
CREATE INDEX tickets_pending_sweep ON tickets (sweep_s, seq) WHERE ended_s IS NULL;
CREATE INDEX tickets_ended_sweep ON tickets (sweep_s, seq) WHERE ended_s IS NOT NULL;
CREATE INDEX tickets_status ON tickets (status, seq);

CREATE TABLE envelopes (
    seq  INTEGER PRIMARY KEY REFERENCES tickets (seq) ON DELETE CASCADE,
    data BLOB NOT NULL                               -- msgpack of tickets.Envelope
) STRICT;

CREATE TABLE answers (
    seq  INTEGER PRIMARY KEY REFERENCES tickets (seq) ON DELETE CASCADE,
    data BLOB NOT NULL                               -- msgpack of messages.Answer
) STRICT;
