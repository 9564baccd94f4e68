-- The job ledger and its outbox, in the schema of the service that runs the jobs.

CREATE TABLE job (
    job_id              text PRIMARY KEY,
    type                text NOT NULL,
    schema_version      integer NOT NULL,
    user_id             text,
    body                bytea NOT NULL,
    payload_sha         bytea NOT NULL,
    state               text NOT NULL
        CHECK (state IN ('queued', 'running', 'retry', 'succeeded', 'failed', 'cancelled')),
    epoch               integer NOT NULL DEFAULT 1,
    crashes             integer NOT NULL DEFAULT 0,
    deliveries          integer NOT NULL DEFAULT 1,
    retries_by_hand     integer NOT NULL DEFAULT 0,
    lease_until         timestamptz,
    owner               text,
    stage               text NOT NULL DEFAULT '',
    progress            real NOT NULL DEFAULT 0,
    result              json,
    error               json,
    message_id          text,
    schedule_id         text,
    dlq_id              text,
    traceparent         text,
    enqueued_at         timestamptz,
    first_seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at          timestamptz,
    finished_at         timestamptz,
    cancel_requested_at timestamptz
);

CREATE INDEX job_newest ON job (first_seen_at DESC, job_id DESC);
CREATE INDEX job_of_user ON job (user_id, first_seen_at DESC, job_id DESC) WHERE user_id IS NOT NULL;
CREATE INDEX job_of_message ON job (message_id) WHERE schedule_id IS NOT NULL;
CREATE INDEX job_finished ON job (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE outbox (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedup_id        text NOT NULL UNIQUE,
    worker          text NOT NULL,
    body            bytea NOT NULL,
    not_before      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until     timestamptz,
    sent_at         timestamptz,
    message_id      text,
    last_error      text
);

CREATE INDEX outbox_unsent ON outbox (next_attempt_at, id) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;
