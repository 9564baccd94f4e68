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
    media       text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (user_id, id),
    FOREIGN KEY (user_id, thread_id) REFERENCES app.message_threads (user_id, id) ON DELETE CASCADE
);
-- For databases that were made before there were attachments.
ALTER TABLE app.messages ADD COLUMN IF NOT EXISTS media text[] NOT NULL DEFAULT '{}';
CREATE INDEX IF NOT EXISTS messages_by_time ON app.messages (sent_at);
CREATE INDEX IF NOT EXISTS messages_by_user ON app.messages (user_id, sent_at);
CREATE INDEX IF NOT EXISTS messages_by_thread ON app.messages (user_id, thread_id);
CREATE INDEX IF NOT EXISTS messages_to_delete ON app.messages (archived_at, user_id, id) INCLUDE (sent_at)
    WHERE archived_at IS NOT NULL AND NOT hold;
CREATE INDEX IF NOT EXISTS messages_with_media_to_delete ON app.messages (archived_at, user_id, id)
    WHERE archived_at IS NOT NULL AND NOT hold AND media <> '{}';
CREATE INDEX IF NOT EXISTS messages_on_hold ON app.messages (archived_at) WHERE hold;

CREATE TABLE IF NOT EXISTS app.transactions (
    id          text PRIMARY KEY,
    user_id     text NOT NULL REFERENCES app.users (id) ON DELETE CASCADE,
    kind        text NOT NULL CHECK (kind IN ('subscription', 'tip', 'message')),
    amount      numeric(14, 2) NOT NULL CHECK (amount > 0),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    status      text NOT NULL CHECK (status IN ('pending', 'completed', 'refunded', 'failed')),
    occurred_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS transactions_by_time ON app.transactions (occurred_at);
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

CREATE OR REPLACE VIEW app_read.message_texts AS
SELECT user_id, id AS message_id, body, media
  FROM app.messages;
COMMENT ON VIEW app_read.message_texts IS 'Only for the copy of their data that users may ask for';
REVOKE ALL ON app_read.message_texts FROM huntaze_alerts;

-- Delete at most `most` messages that were archived before cutoff, were sent in a span of time and are not on hold: the
-- next ones after a key, in the order of (archived_at, user_id, id), which messages_to_delete has, so that no batch reads
-- what another did. Returns how many went, when they were sent, the objects that were theirs, and the key to go on
-- after; none when these were the last. What somebody else has locked is left for another time.
--
-- Deleting without RETURNING costs a third; so the few messages with media go apart, and what the others tell is read
-- from the index before. The bounds of archived_at are there once more for the planner, which can't estimate a range of
-- rows; for the same reason plans are made for each batch.
DROP FUNCTION IF EXISTS app_read.delete_archived_messages(
    timestamptz, timestamptz, timestamptz, timestamptz, text, text, timestamptz, text, text);
CREATE OR REPLACE FUNCTION app_read.delete_archived_messages(
    cutoff timestamptz, sent_since timestamptz, sent_before timestamptz,
    after_at timestamptz, after_user text, after_id text, most integer,
    OUT deleted bigint, OUT oldest timestamptz, OUT newest timestamptz, OUT objects text[],
    OUT upto_at timestamptz, OUT upto_user text, OUT upto_id text)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = app, pg_temp
SET lock_timeout = '20ms'
SET plan_cache_mode = force_custom_plan
AS $$
DECLARE
    last_at   timestamptz := cutoff;
    last_user text := '';
    last_id   text := '';
    others    bigint;
BEGIN
    IF cutoff > now() THEN
        RAISE EXCEPTION 'cutoff % is in the future', cutoff USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT archived_at, user_id, id INTO upto_at, upto_user, upto_id
      FROM messages
     WHERE archived_at < cutoff AND NOT hold AND sent_at >= sent_since AND sent_at < sent_before
       AND archived_at >= after_at AND (archived_at, user_id, id) > (after_at, after_user, after_id)
  ORDER BY archived_at, user_id, id
    OFFSET most - 1 LIMIT 1;
    IF FOUND THEN
        last_at := upto_at;
        last_user := upto_user;
        last_id := upto_id;
    END IF;
    -- The count is for the planner: the least and the greatest alone it would look for in the index by time.
    SELECT min(sent_at), max(sent_at), count(*) INTO oldest, newest, others
      FROM messages
     WHERE archived_at < cutoff AND NOT hold AND sent_at >= sent_since AND sent_at < sent_before
       AND archived_at >= after_at AND (archived_at, user_id, id) > (after_at, after_user, after_id)
       AND archived_at <= last_at AND (archived_at, user_id, id) <= (last_at, last_user, last_id);
    BEGIN
        WITH gone AS (
            DELETE FROM messages
             WHERE archived_at < cutoff AND NOT hold AND sent_at >= sent_since AND sent_at < sent_before
               AND archived_at >= after_at AND (archived_at, user_id, id) > (after_at, after_user, after_id)
               AND archived_at <= last_at AND (archived_at, user_id, id) <= (last_at, last_user, last_id)
               AND media <> '{}'
            RETURNING media
        )
        SELECT (SELECT count(*) FROM gone), (SELECT array_agg(DISTINCT key) FROM gone, unnest(media) AS key)
          INTO deleted, objects;
        DELETE FROM messages
         WHERE archived_at < cutoff AND NOT hold AND sent_at >= sent_since AND sent_at < sent_before
           AND archived_at >= after_at AND (archived_at, user_id, id) > (after_at, after_user, after_id)
           AND archived_at <= last_at AND (archived_at, user_id, id) <= (last_at, last_user, last_id)
           AND media = '{}';
        GET DIAGNOSTICS others = ROW_COUNT;
        deleted := deleted + others;
    EXCEPTION WHEN lock_not_available THEN
        WITH free AS MATERIALIZED (
            SELECT user_id, id
              FROM messages
             WHERE archived_at < cutoff AND NOT hold AND sent_at >= sent_since AND sent_at < sent_before
               AND archived_at >= after_at AND (archived_at, user_id, id) > (after_at, after_user, after_id)
               AND archived_at <= last_at AND (archived_at, user_id, id) <= (last_at, last_user, last_id)
               FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM messages AS m USING free AS f WHERE m.user_id = f.user_id AND m.id = f.id
            RETURNING m.media
        )
        SELECT (SELECT count(*) FROM gone), (SELECT array_agg(DISTINCT key) FROM gone, unnest(media) AS key)
          INTO deleted, objects;
    END;
END
$$;

-- The partitions, where the table has any, whose rows may all go: archived before cutoff, sent in a span, not on hold.
CREATE OR REPLACE FUNCTION app_read.archived_message_partitions(
    cutoff timestamptz, sent_since timestamptz, sent_before timestamptz)
RETURNS TABLE (partition text, matched bigint)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = app, pg_temp
AS $$
DECLARE
    others boolean;
BEGIN
    FOR partition IN
        SELECT c.relname FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'app.messages'::regclass ORDER BY c.relname
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM app.%I WHERE archived_at IS NULL OR archived_at >= $1 OR hold'
                       ' OR sent_at < $2 OR sent_at >= $3)', partition)
           INTO others USING cutoff, sent_since, sent_before;
        CONTINUE WHEN others;
        EXECUTE format('SELECT count(*) FROM app.%I', partition) INTO matched;
        IF matched > 0 THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Drop one such partition. Its writers wait while it is looked through; readers and writers of the other partitions
-- wait no longer than lock_timeout, and then lock_not_available tells the caller to try again.
CREATE OR REPLACE FUNCTION app_read.drop_message_partition(
    partition text, cutoff timestamptz, sent_since timestamptz, sent_before timestamptz,
    OUT deleted bigint, OUT oldest timestamptz, OUT newest timestamptz, OUT objects text[])
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = app, pg_temp
SET lock_timeout = '20ms'
AS $$
DECLARE
    others bigint;
BEGIN
    IF cutoff > now() OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'app.messages'::regclass AND c.relname = partition)
    THEN
        RAISE EXCEPTION 'no such partition, or cutoff in the future' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('LOCK TABLE ONLY app.%I IN SHARE ROW EXCLUSIVE MODE', partition);
    EXECUTE format('SELECT count(*), min(sent_at), max(sent_at), count(*) FILTER (WHERE archived_at IS NULL'
                   ' OR archived_at >= $1 OR hold OR sent_at < $2 OR sent_at >= $3) FROM app.%I', partition)
       INTO deleted, oldest, newest, others USING cutoff, sent_since, sent_before;
    IF others > 0 THEN
        deleted := 0;
        RETURN;
    END IF;
    EXECUTE format('SELECT array_agg(DISTINCT o.key) FROM app.%I AS m, unnest(m.media) AS o (key)', partition)
       INTO objects;
    EXECUTE format('DROP TABLE app.%I', partition);
END
$$;

-- Delete what the application holds of one user, at most max_rows rows of one table in a call, in an order that
-- foreign keys allow; null in erased_from when nothing is left. Messages on hold stay, and their threads and the user.
CREATE OR REPLACE FUNCTION app_read.erase_user(
    erased text, max_rows integer, OUT erased_from text, OUT deleted bigint, OUT objects text[])
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = app, pg_temp
AS $$
BEGIN
    WITH gone AS (
        DELETE FROM messages
         WHERE (user_id, id) IN (SELECT m.user_id, m.id FROM messages AS m
                                  WHERE m.user_id = erased AND NOT m.hold LIMIT max_rows)
        RETURNING media
    )
    SELECT count(*), (SELECT array_agg(DISTINCT o.key) FROM gone AS g, unnest(g.media) AS o (key) WHERE g.media <> '{}')
      INTO deleted, objects
      FROM gone;
    erased_from := 'messages';
    IF deleted > 0 THEN RETURN; END IF;
    WITH gone AS (
        DELETE FROM transactions WHERE id IN (SELECT id FROM transactions WHERE user_id = erased LIMIT max_rows)
        RETURNING 1
    )
    SELECT count(*) INTO deleted FROM gone;
    erased_from := 'transactions';
    IF deleted > 0 THEN RETURN; END IF;
    DELETE FROM social_accounts WHERE user_id = erased;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    erased_from := 'social_accounts';
    IF deleted > 0 THEN RETURN; END IF;
    DELETE FROM message_threads AS t
     WHERE t.user_id = erased
       AND NOT EXISTS (SELECT FROM messages AS m WHERE (m.user_id, m.thread_id) = (t.user_id, t.id));
    GET DIAGNOSTICS deleted = ROW_COUNT;
    erased_from := 'message_threads';
    IF deleted > 0 THEN RETURN; END IF;
    DELETE FROM users AS u
     WHERE u.id = erased AND NOT EXISTS (SELECT FROM messages AS m WHERE m.user_id = u.id);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    erased_from := CASE WHEN deleted > 0 THEN 'users' END;
END
$$;

RESET ROLE;
