-- All instants are milliseconds since the epoch. Blobs named spec, header or detail are MessagePack.

-- One row per message, from its acceptance until the log retention of the plan is over.
-- state: queued     waits for its turn in its FIFO queue (or its queue is paused)
--        ready      is due at due_at
--        waiting    is due, but its flow-control key has no room
--        active     is at its destination now
--        delivered, failed, canceled   are final
CREATE TABLE message (
    seq         INTEGER PRIMARY KEY,
    id          TEXT    NOT NULL UNIQUE,
    state       TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    not_before  INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    retried     INTEGER NOT NULL DEFAULT 0,   -- attempts that failed so far
    finished_at INTEGER,
    canceling   INTEGER NOT NULL DEFAULT 0,   -- cancellation was asked for while it was active
    dlq         INTEGER,                      -- id of its FAILED event while it is in the dead-letter queue
    slot        TEXT,                         -- the queue whose turn it holds
    chain       INTEGER,                      -- seq of the message that took that turn; a callback names its source
    url         TEXT    NOT NULL,
    host        TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    topic       TEXT,
    queue       TEXT,
    schedule_id TEXT,
    caller_ip   TEXT,
    flow_key    TEXT,
    labels      TEXT,                         -- ",a,b," so that one label can be found
    spec        BLOB    NOT NULL,             -- core.message.Message
    body        BLOB    NOT NULL
) STRICT;
CREATE INDEX message_ready    ON message (due_at, seq) WHERE state = 'ready';
CREATE INDEX message_waiting  ON message (flow_key, seq) WHERE state = 'waiting';
CREATE INDEX message_active   ON message (seq) WHERE state = 'active';
CREATE INDEX message_open     ON message (seq) WHERE finished_at IS NULL;
CREATE INDEX message_queue    ON message (queue, seq) WHERE queue IS NOT NULL AND finished_at IS NULL;
CREATE INDEX message_slot     ON message (slot, seq) WHERE slot IS NOT NULL;
CREATE INDEX message_dlq      ON message (dlq) WHERE dlq IS NOT NULL;
CREATE INDEX message_finished ON message (finished_at) WHERE finished_at IS NOT NULL;

-- What happened to each message, in order.
CREATE TABLE event (
    id      INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL,                 -- message.seq
    at      INTEGER NOT NULL,
    state   TEXT    NOT NULL,
    next_at INTEGER,                          -- of a RETRY
    status  INTEGER,
    detail  BLOB                              -- store.events.Detail
) STRICT;
CREATE INDEX event_message ON event (seq);

CREATE TABLE dedup (
    key        TEXT    PRIMARY KEY,
    message_id TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX dedup_expiry ON dedup (expires_at);

CREATE TABLE queue (
    name        TEXT    PRIMARY KEY,
    parallelism INTEGER NOT NULL,
    paused      INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE schedule (
    id            TEXT    PRIMARY KEY,
    created_at    INTEGER NOT NULL,
    cron          TEXT    NOT NULL,
    destination   TEXT    NOT NULL,
    paused        INTEGER NOT NULL DEFAULT 0,
    next_at       INTEGER NOT NULL,
    last_at       INTEGER,
    last_messages BLOB,                       -- list of message ids
    error         TEXT,
    spec          BLOB    NOT NULL,
    body          BLOB    NOT NULL
) STRICT;
CREATE INDEX schedule_next ON schedule (next_at);

CREATE TABLE url_group (
    name       TEXT    PRIMARY KEY,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    header     BLOB    NOT NULL
) STRICT;

CREATE TABLE endpoint (
    id         INTEGER PRIMARY KEY,
    group_name TEXT    NOT NULL REFERENCES url_group (name) ON DELETE CASCADE,
    name       TEXT,
    url        TEXT    NOT NULL
) STRICT;
CREATE INDEX endpoint_group ON endpoint (group_name);

CREATE TABLE flow (
    key                TEXT    PRIMARY KEY,
    parallelism        INTEGER,
    rate               INTEGER,
    period             INTEGER NOT NULL DEFAULT 1,   -- seconds
    pinned_parallelism INTEGER NOT NULL DEFAULT 0,
    pinned_rate        INTEGER NOT NULL DEFAULT 0,
    paused             INTEGER NOT NULL DEFAULT 0,
    window_start       INTEGER NOT NULL DEFAULT 0,
    window_count       INTEGER NOT NULL DEFAULT 0,
    active             INTEGER NOT NULL DEFAULT 0,   -- messages of the key by state, kept by the trigger below
    waiting            INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX flow_with_waiters ON flow (key) WHERE waiting > 0;

CREATE TRIGGER flow_counts AFTER UPDATE OF state ON message
WHEN new.flow_key IS NOT NULL AND new.state <> old.state
BEGIN
    UPDATE flow
       SET active  = active + (new.state = 'active') - (old.state = 'active'),
           waiting = waiting + (new.state = 'waiting') - (old.state = 'waiting')
     WHERE key = new.flow_key;
END;

-- Messages accepted per day (days since the epoch), for plans with a daily quota.
CREATE TABLE usage (
    day      INTEGER PRIMARY KEY,
    messages INTEGER NOT NULL
) STRICT;

-- The signing keys after rotations, and the pair they started from.
CREATE TABLE signing_key (
    only_one     INTEGER PRIMARY KEY CHECK (only_one = 1),
    current      TEXT NOT NULL,
    next         TEXT NOT NULL,
    started_from TEXT NOT NULL
) STRICT;
