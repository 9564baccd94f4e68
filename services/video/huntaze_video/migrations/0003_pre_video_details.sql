-- What was found in a video beyond its keyframes, and what the model said of it.

ALTER TABLE video
    ADD COLUMN media        jsonb,
    ADD COLUMN measures     jsonb,
    ADD COLUMN analysis_key text;

CREATE TABLE transition (
    job_id   text NOT NULL REFERENCES video ON DELETE CASCADE,
    ordinal  integer NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('cut', 'dissolve', 'wipe', 'fade')),
    start_ms bigint NOT NULL,
    end_ms   bigint NOT NULL CHECK (end_ms >= start_ms),
    score    real NOT NULL,
    PRIMARY KEY (job_id, ordinal)
);

-- Objects that players and lists show: they can be made again, and have their own life in the bucket.
CREATE TABLE preview (
    job_id     text NOT NULL REFERENCES video ON DELETE CASCADE,
    ordinal    integer NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('cover', 'hook', 'storyboard', 'sheet')),
    time_ms    bigint,
    object_key text NOT NULL,
    PRIMARY KEY (job_id, ordinal)
);

-- By picture, prompt and model, not by job: the same picture is never paid for twice.
CREATE TABLE analysis (
    key        text PRIMARY KEY,
    status     text NOT NULL,
    content    jsonb NOT NULL,
    cost_usd   numeric(12, 6) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
