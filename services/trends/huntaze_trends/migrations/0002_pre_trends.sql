-- Queries that users follow, scrapes, posts with their counts over time, and the topics that were found.

CREATE TABLE tracked_query (
    platform         text NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('keyword', 'hashtag', 'profile')),
    value            text NOT NULL,
    interval_minutes integer NOT NULL DEFAULT 360 CHECK (interval_minutes >= 30),
    max_posts        integer NOT NULL DEFAULT 500 CHECK (max_posts BETWEEN 1 AND 5000),
    enabled          boolean NOT NULL DEFAULT true,
    next_due_at      timestamptz NOT NULL DEFAULT 'epoch',
    PRIMARY KEY (platform, kind, value)
);

-- The intent comes before the run: a scrape whose start was not heard of is looked up, never started again blindly.
CREATE TABLE scrape (
    scrape_id     text PRIMARY KEY,
    platform      text NOT NULL,
    kind          text NOT NULL,
    value         text NOT NULL,
    actor_id      text NOT NULL,
    actor_version integer NOT NULL,
    asked_by      text NOT NULL UNIQUE,
    intended_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id        text UNIQUE,
    dataset_id    text,
    collected_at  timestamptz,
    posts         integer,
    tombstones    integer,
    quarantined   integer
);
COMMENT ON COLUMN scrape.asked_by IS 'The job that it belongs to; other jobs of the same period share it';

CREATE TABLE post (
    platform      text NOT NULL,
    external_id   text NOT NULL,
    author        text NOT NULL,
    text          text NOT NULL,
    tags          text[] NOT NULL,
    created_at    timestamptz NOT NULL,
    promoted      boolean NOT NULL,
    first_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (platform, external_id)
);

-- One row per scrape and post: its counts then, and the proof that the query found it.
CREATE TABLE post_snapshot (
    scrape_id   text NOT NULL REFERENCES scrape,
    platform    text NOT NULL,
    external_id text NOT NULL,
    views       bigint,
    likes       bigint,
    comments    bigint,
    shares      bigint,
    saves       bigint,
    PRIMARY KEY (scrape_id, platform, external_id)
);

CREATE TABLE quarantined_row (
    scrape_id text NOT NULL REFERENCES scrape,
    number    integer NOT NULL,
    reason    text NOT NULL,
    sha256    bytea NOT NULL,
    PRIMARY KEY (scrape_id, number)
);

CREATE TABLE trend (
    scrape_id        text NOT NULL REFERENCES scrape,
    name             text NOT NULL,
    state            text NOT NULL,
    posts            integer NOT NULL,
    total_posts      integer NOT NULL,
    authors          integer NOT NULL,
    share            float8 NOT NULL,
    base_share       float8 NOT NULL,
    ratio            float8 NOT NULL,
    ratio_low        float8 NOT NULL,
    p_value          float8 NOT NULL,
    q_value          float8 NOT NULL,
    weight           float8 NOT NULL,
    windows_in_burst integer NOT NULL,
    reasons          text[] NOT NULL,
    PRIMARY KEY (scrape_id, name)
);
