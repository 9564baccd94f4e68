-- Days in the order in which they are written and read, windows and streaks, retention of more than messages,
-- erased users and exports.

-- A day's rows beside each other: a day is written and read as one run of the index. No row means a count of 0,
-- where counted_day has the day.
ALTER TABLE daily_stats DROP CONSTRAINT daily_stats_pkey, ADD PRIMARY KEY (day, user_id);
ALTER TABLE daily_revenue DROP CONSTRAINT daily_revenue_pkey, ADD PRIMARY KEY (day, user_id, currency);

ALTER TABLE counted_day ADD COLUMN sealed_at timestamptz;
COMMENT ON COLUMN counted_day.sealed_at IS
    'Since when some of its messages are deleted: counting it again would forget them';

ALTER TABLE user_stats
    ADD COLUMN response_rate_before     float8,
    ADD COLUMN response_rate_trend      float8,
    ADD COLUMN median_response_before_s float8,
    ADD COLUMN median_response_trend    float8,
    ADD COLUMN messages_percentile      float8,
    ADD COLUMN response_rate_percentile float8,
    ADD COLUMN active_chats_percentile  float8;
COMMENT ON COLUMN user_stats.messages_percentile IS 'Per cent of the other users who have less; null where there is no other';
ALTER TABLE user_revenue ADD COLUMN percentile float8;
COMMENT ON COLUMN user_revenue.percentile IS 'Among the users with revenue in this currency';

CREATE TABLE rolling_stats (
    user_id       text NOT NULL,
    window_days   integer NOT NULL,
    through       date NOT NULL,
    messages_in   bigint NOT NULL,
    messages_out  bigint NOT NULL,
    messages_paid bigint NOT NULL,
    active_days   integer NOT NULL,
    PRIMARY KEY (user_id, window_days)
);
COMMENT ON TABLE rolling_stats IS 'Sums of the civil days up to `through`; no row means 0. Active: at least one message sent';

CREATE TABLE rolling_revenue (
    user_id      text NOT NULL,
    window_days  integer NOT NULL,
    currency     text NOT NULL,
    through      date NOT NULL,
    amount       numeric(14, 2) NOT NULL,
    transactions bigint NOT NULL,
    PRIMARY KEY (user_id, window_days, currency)
);

-- Runs of civil days with at least one message sent. The settled part is of days that late events no longer change;
-- the rest is derived from it and the few days since, so that no night reads the whole history.
CREATE TABLE user_streak (
    user_id          text PRIMARY KEY,
    last_day         date NOT NULL,
    current_days     integer NOT NULL,
    longest_days     integer NOT NULL,
    settled_last_day date,
    settled_days     integer NOT NULL DEFAULT 0,
    settled_longest  integer NOT NULL DEFAULT 0
);
COMMENT ON COLUMN user_streak.current_days IS 'Of the run that ends on the newest counted day; 0 if that had none';
COMMENT ON COLUMN user_streak.settled_days IS 'Of the run that ends on settled_last_day';

CREATE TABLE streak_progress (
    one             boolean PRIMARY KEY DEFAULT true CHECK (one),
    settled_through date,
    changed_since   date
);
COMMENT ON COLUMN streak_progress.changed_since IS 'The oldest day that was counted anew since the streaks were computed';
INSERT INTO streak_progress DEFAULT VALUES;

ALTER TABLE cleanup_run
    ADD COLUMN uncounted   bigint NOT NULL DEFAULT 0,
    ADD COLUMN on_hold     bigint NOT NULL DEFAULT 0,
    ADD COLUMN batches     bigint NOT NULL DEFAULT 0,
    ADD COLUMN partitions  bigint NOT NULL DEFAULT 0,
    ADD COLUMN complete    boolean NOT NULL DEFAULT false,
    ADD COLUMN finished_at timestamptz;
COMMENT ON COLUMN cleanup_run.deleted IS 'Added to by each batch, in its own transaction: exact after a crash, too';
COMMENT ON COLUMN cleanup_run.uncounted IS 'Rows that are old enough, of days that were not counted';

INSERT INTO retention_policy (id, keep_days, batch_rows, most_share) VALUES
    ('finished-jobs', 30, 5000, 1),
    ('exports', 7, 500, 1),
    ('cleanup-runs', 400, 5000, 1);
UPDATE retention_policy SET batch_rows = 5000 WHERE id = 'archived-messages';

-- Objects whose rows are gone. They are deleted after the transaction that put them here.
CREATE TABLE object_deletion (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key          text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE erased_user (
    user_id   text PRIMARY KEY,
    erased_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE erased_user IS 'So that what comes late, or is restored from a backup, is not counted again';

CREATE TABLE erasure_receipt (
    receipt_id  text PRIMARY KEY,
    rows_erased jsonb NOT NULL DEFAULT '{}',
    erased_at   timestamptz
);
COMMENT ON COLUMN erasure_receipt.rows_erased IS 'By table; added to by each batch in its own transaction';
COMMENT ON COLUMN erasure_receipt.erased_at IS 'Null until the end';
COMMENT ON TABLE erasure_receipt IS 'That somebody''s data were erased, and how much of what; says nothing about whom';

CREATE TABLE data_export (
    job_id     text PRIMARY KEY,
    user_id    text NOT NULL,
    key        text NOT NULL,
    rows       bigint NOT NULL,
    bytes      bigint NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX data_export_by_age ON data_export (made_at);

-- What becomes of the tables of this schema with a user_id when that user is erased: without a row here, it is deleted.
CREATE TABLE erasure_exception (
    relation text PRIMARY KEY,
    action   text NOT NULL CHECK (action IN ('anonymise', 'keep')),
    reason   text NOT NULL
);
INSERT INTO erasure_exception VALUES
    ('job', 'anonymise', 'The same job must not run again; the id of a job names no person'),
    ('erased_user', 'keep', 'Needed to keep the data erased (GDPR article 17, 3 b)');

CREATE VIEW personal_table AS
SELECT c.relname::text AS relation, coalesce(e.action, 'delete') AS action
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped
  LEFT JOIN erasure_exception AS e ON e.relation = c.relname
 WHERE c.relnamespace = 'data'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition;
COMMENT ON VIEW personal_table IS 'Every table of the schema with a user_id: one that is added later is in it at once';

CREATE VIEW personal_object AS
SELECT user_id, key FROM data_export;
COMMENT ON VIEW personal_object IS 'Objects of the store that are one user''s; replace it to add to it';

-- Delete at most max_rows rows of one user from one of the personal tables, and return how many. Rights: the caller's.
CREATE FUNCTION erase_rows(relation text, erased text, max_rows integer) RETURNS bigint
LANGUAGE plpgsql
SET search_path = data, pg_temp
AS $$
DECLARE
    deleted bigint;
BEGIN
    EXECUTE format('DELETE FROM %I WHERE ctid = ANY (ARRAY(SELECT ctid FROM %I WHERE user_id = $1 LIMIT $2))',
                   relation, relation)
      USING erased, max_rows;
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END
$$;

-- Each user's runs of active days up to `through`, from the settled part and the days after it.
CREATE FUNCTION streaks_through(through date)
RETURNS TABLE (user_id text, last_day date, run_days integer, longest_days integer)
LANGUAGE sql STABLE
SET search_path = data, pg_temp
AS $$
    WITH settled AS (
        SELECT settled_through AS day FROM streak_progress
    ), island AS (
        SELECT d.user_id, min(d.day) AS first_day, max(d.day) AS last_day, count(*)::integer AS days
          FROM (SELECT s.user_id, s.day,
                       s.day - (row_number() OVER (PARTITION BY s.user_id ORDER BY s.day))::integer AS run
                  FROM daily_stats AS s
                 WHERE s.messages_out > 0 AND s.day <= streaks_through.through
                   AND s.day > coalesce((SELECT day FROM settled), '-infinity')) AS d
         GROUP BY d.user_id, d.run
    ), joined AS (
        -- A run that goes on where the settled one ended is one run with it.
        SELECT i.user_id, i.last_day,
               i.days + CASE WHEN i.first_day = u.settled_last_day + 1 THEN u.settled_days ELSE 0 END AS days
          FROM island AS i LEFT JOIN user_streak AS u ON u.user_id = i.user_id
         UNION ALL
        SELECT u.user_id, u.settled_last_day, u.settled_days
          FROM user_streak AS u WHERE u.settled_last_day IS NOT NULL
    ), newest AS (
        SELECT DISTINCT ON (j.user_id) j.user_id, j.last_day, j.days FROM joined AS j
         ORDER BY j.user_id, j.last_day DESC
    ), longest AS (
        SELECT j.user_id, max(j.days) AS days FROM joined AS j GROUP BY j.user_id
    )
    SELECT n.user_id, n.last_day, n.days, greatest(l.days, u.settled_longest)
      FROM newest AS n JOIN longest AS l ON l.user_id = n.user_id
      LEFT JOIN user_streak AS u ON u.user_id = n.user_id
$$;
