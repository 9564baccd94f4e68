-- What is counted per user and civil day, and what is kept for how long.

CREATE TABLE daily_stats (
    user_id        text NOT NULL,
    day            date NOT NULL,
    time_zone      text NOT NULL,
    messages_in    bigint NOT NULL CHECK (messages_in >= 0),
    messages_out   bigint NOT NULL CHECK (messages_out >= 0),
    messages_paid  bigint NOT NULL CHECK (messages_paid >= 0),
    active_threads bigint NOT NULL CHECK (active_threads >= 0),
    PRIMARY KEY (user_id, day)
);

CREATE TABLE daily_revenue (
    user_id      text NOT NULL,
    day          date NOT NULL,
    currency     text NOT NULL,
    amount       numeric(14, 2) NOT NULL,
    transactions bigint NOT NULL,
    PRIMARY KEY (user_id, day, currency)
);

-- The days that are counted and over in every zone: only what lies in them may be deleted.
CREATE TABLE counted_day (
    day        date PRIMARY KEY,
    counted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE user_stats (
    user_id             text NOT NULL,
    window_days         integer NOT NULL,
    until               timestamptz NOT NULL,
    messages_sent       bigint NOT NULL,
    messages_before     bigint NOT NULL,
    messages_trend      float8,
    response_rate       float8,
    median_response_s   float8,
    active_chats        bigint NOT NULL,
    active_chats_before bigint NOT NULL,
    active_chats_trend  float8,
    PRIMARY KEY (user_id, window_days)
);
COMMENT ON COLUMN user_stats.messages_trend IS 'Per cent against the window before; null where that was 0';
COMMENT ON COLUMN user_stats.response_rate IS 'Per cent of the fans'' turns answered in 24 h; null where there was none';

CREATE TABLE user_revenue (
    user_id     text NOT NULL,
    window_days integer NOT NULL,
    currency    text NOT NULL,
    amount      numeric(14, 2) NOT NULL,
    before      numeric(14, 2) NOT NULL,
    trend       float8,
    PRIMARY KEY (user_id, window_days, currency)
);

CREATE TABLE retention_policy (
    id         text PRIMARY KEY,
    keep_days  integer NOT NULL CHECK (keep_days >= 1),
    batch_rows integer NOT NULL CHECK (batch_rows BETWEEN 1 AND 10000),
    most_share float8 NOT NULL CHECK (most_share > 0 AND most_share <= 1),
    enabled    boolean NOT NULL DEFAULT true
);
COMMENT ON COLUMN retention_policy.most_share IS 'A clean-up that would delete more of its table must be forced';
INSERT INTO retention_policy VALUES ('archived-messages', 90, 1000, 0.5);

CREATE TABLE cleanup_run (
    job_id    text NOT NULL,
    policy_id text NOT NULL,
    cutoff    timestamptz NOT NULL,
    dry_run   boolean NOT NULL,
    matched   bigint NOT NULL,
    deleted   bigint NOT NULL,
    held_back text,
    ran_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (job_id, policy_id)
);
COMMENT ON COLUMN cleanup_run.held_back IS 'Why nothing was deleted, where it was not';
