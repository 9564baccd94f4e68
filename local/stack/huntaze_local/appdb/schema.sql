-- A stand-in for the web application's database, as far as the workers touch it.
-- Schema `app` is the application's own business. Schema `app_read` is what it promises to the workers.
-- Run by an administrator after deploy/database; running it again changes nothing.

CREATE SCHEMA IF NOT EXISTS app AUTHORIZATION huntaze_app;
SET ROLE huntaze_app;

CREATE TABLE IF NOT EXISTS app.users (
    id         text PRIMARY KEY,
    name       text NOT NULL,
    time_zone  text NOT NULL DEFAULT 'UTC',
    locale     text NOT NULL DEFAULT 'en-US',
    created_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS app.message_threads (
    user_id         text NOT NULL REFERENCES app.users (id) ON DELETE CASCADE,
    id              text NOT NULL,
    fan_name        text NOT NULL,
    created_at      timestamptz NOT NULL,
    last_message_at timestamptz,
    PRIMARY KEY (user_id, id)
);

CREATE TABLE IF NOT EXISTS app.messages (
    user_id     text NOT NULL,
    id          text NOT NULL,
    thread_id   text NOT NULL,
    direction   text NOT NULL CHECK (direction IN ('in', 'out')),
    body        text NOT NULL,
    price       numeric(14, 2) CHECK (price > 0),
    is_paid     boolean NOT NULL DEFAULT false,
    sent_at     timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    archived_at timestamptz,
    hold        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (user_id, id),
    FOREIGN KEY (user_id, thread_id) REFERENCES app.message_threads (user_id, id) ON DELETE CASCADE
);
CREATE INDEX IF NOT EXISTS messages_by_time ON app.messages (sent_at);
CREATE INDEX IF NOT EXISTS messages_by_user ON app.messages (user_id, sent_at);
CREATE INDEX IF NOT EXISTS messages_by_thread ON app.messages (user_id, thread_id);
CREATE INDEX IF NOT EXISTS messages_to_delete ON app.messages (archived_at, user_id, id)
    WHERE archived_at IS NOT NULL AND NOT hold;

CREATE TABLE IF NOT EXISTS app.transactions (
    id          text PRIMARY KEY,
    user_id     text NOT NULL REFERENCES app.users (id) ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('subscription', 'tip', 'message')),
    amount      numeric(14, 2) NOT NULL CHECK (amount > 0),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status      text NOT NULL CHECK (status IN ('pending', 'completed', 'refunded', 'failed')),
    occurred_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS transactions_by_user ON app.transactions (user_id, occurred_at);

CREATE TABLE IF NOT EXISTS app.social_accounts (
    id       text PRIMARY KEY,
    user_id  text NOT NULL REFERENCES app.users (id) ON DELETE CASCADE,
    platform text NOT NULL CHECK (platform IN ('tiktok', 'instagram', 'youtube', 'twitter')),
    handle   text NOT NULL,
    UNIQUE (platform, handle)
);

CREATE TABLE IF NOT EXISTS app.analytics_snapshots (
    account_id    text NOT NULL REFERENCES app.social_accounts (id) ON DELETE CASCADE,
    snapshot_date date NOT NULL,
    followers     bigint NOT NULL CHECK (followers >= 0),
    engagement    bigint NOT NULL CHECK (engagement >= 0),
    posts         bigint NOT NULL CHECK (posts >= 0),
    reach         bigint NOT NULL CHECK (reach >= 0),
    impressions   bigint NOT NULL CHECK (impressions >= 0),
    PRIMARY KEY (account_id, snapshot_date)
);

CREATE TABLE IF NOT EXISTS app.posts (
    id           text PRIMARY KEY,
    account_id   text NOT NULL REFERENCES app.social_accounts (id) ON DELETE CASCADE,
    title        text NOT NULL,
    published_at timestamptz NOT NULL,
    views        bigint NOT NULL CHECK (views >= 0),
    likes        bigint NOT NULL CHECK (likes >= 0),
    comments     bigint NOT NULL CHECK (comments >= 0),
    shares       bigint NOT NULL CHECK (shares >= 0),
    saves        bigint NOT NULL CHECK (saves >= 0)
);
CREATE INDEX IF NOT EXISTS posts_by_account ON app.posts (account_id, published_at);

-- Days of sample messages that were loaded once; what was deleted since stays deleted.
CREATE TABLE IF NOT EXISTS app.sample_days (
    day date PRIMARY KEY
);

CREATE OR REPLACE VIEW app_read.users AS
SELECT id AS user_id, time_zone, locale, created_at, name
  FROM app.users;
COMMENT ON COLUMN app_read.users.time_zone IS 'IANA name; the civil days of this user''s statistics';

CREATE OR REPLACE VIEW app_read.threads AS
SELECT id AS thread_id, user_id, created_at, last_message_at
  FROM app.message_threads;

CREATE OR REPLACE VIEW app_read.messages AS
SELECT id AS message_id, user_id, thread_id, direction, sent_at, created_at, archived_at, is_paid, hold
  FROM app.messages;
COMMENT ON VIEW app_read.messages IS 'Without texts: nothing that the workers do needs them';
COMMENT ON COLUMN app_read.messages.message_id IS 'Unique per user';
COMMENT ON COLUMN app_read.messages.direction IS 'in: from a fan to the user; out: from the user to a fan';
COMMENT ON COLUMN app_read.messages.created_at IS 'When the application learned of it; later than sent_at if it came late';
COMMENT ON COLUMN app_read.messages.is_paid IS 'The fan paid to see it';
COMMENT ON COLUMN app_read.messages.hold IS 'Must not be deleted, whatever its age';

CREATE OR REPLACE VIEW app_read.transactions AS
SELECT id AS transaction_id, user_id, kind, amount, currency, status, occurred_at
  FROM app.transactions;

CREATE OR REPLACE VIEW app_read.social_accounts AS
SELECT id AS account_id, user_id, platform
  FROM app.social_accounts;

CREATE OR REPLACE VIEW app_read.analytics_snapshots AS
SELECT snapshot.account_id, account.user_id, account.platform, snapshot.snapshot_date,
       snapshot.followers, snapshot.engagement, snapshot.posts, snapshot.reach, snapshot.impressions
  FROM app.analytics_snapshots AS snapshot
  JOIN app.social_accounts AS account ON account.id = snapshot.account_id;
COMMENT ON COLUMN app_read.analytics_snapshots.followers IS 'At the end of the day: a stock, never to be added up over days';
COMMENT ON COLUMN app_read.analytics_snapshots.posts IS 'Published up to the end of the day: a stock';
COMMENT ON COLUMN app_read.analytics_snapshots.engagement IS 'Likes, comments, shares and saves of that day';
COMMENT ON COLUMN app_read.analytics_snapshots.reach IS 'People who saw something on that day';
COMMENT ON COLUMN app_read.analytics_snapshots.impressions IS 'Views of that day';

CREATE OR REPLACE VIEW app_read.posts AS
SELECT post.id AS post_id, account.user_id, post.account_id, account.platform, post.title, post.published_at,
       post.views, post.likes, post.comments, post.shares, post.saves
  FROM app.posts AS post
  JOIN app.social_accounts AS account ON account.id = post.account_id;
COMMENT ON VIEW app_read.posts IS 'What was published, with its figures as they are now';

-- Delete at most max_rows messages that were archived before cutoff and are not on hold, the longest archived first,
-- and return how many. Rows that somebody else has locked are left for the next call.
CREATE OR REPLACE FUNCTION app_read.delete_archived_messages(cutoff timestamptz, max_rows integer)
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = app, pg_temp
AS $$
DECLARE
    deleted integer;
BEGIN
    IF max_rows NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'max_rows must be 1 to 10000, not %', max_rows USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF cutoff > now() THEN
        RAISE EXCEPTION 'cutoff % is in the future', cutoff USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM messages
     WHERE ctid = ANY (ARRAY(
               SELECT ctid
                 FROM messages
                WHERE archived_at < cutoff AND NOT hold
                ORDER BY archived_at, user_id, id
                LIMIT max_rows
                  FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END
$$;
REVOKE ALL ON FUNCTION app_read.delete_archived_messages(timestamptz, integer) FROM PUBLIC;

RESET ROLE;
