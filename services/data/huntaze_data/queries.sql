-- Daily counts, user statistics and retention. Days are civil days of the user; windows are half-open.

-- name: lock_counting
-- One run counts at a time; a second one waits here and then finds nothing to change.
SELECT pg_advisory_xact_lock(hashtextextended('huntaze_data.counting', 0));

-- name: count_messages
-- Make daily_stats agree with the messages of some days, and write only rows that differ.
-- $1 days date[], $2 as_of timestamptz: days that have not ended by then in the user's zone are left alone
WITH zone AS MATERIALIZED (
    SELECT name FROM pg_timezone_names
), person AS MATERIALIZED (
    -- A zone that PostgreSQL does not know would stop everybody's count.
    SELECT u.user_id, CASE WHEN z.name IS NULL THEN 'UTC' ELSE u.time_zone END AS time_zone
      FROM app_read.users AS u LEFT JOIN zone AS z ON z.name = u.time_zone
), bounds AS MATERIALIZED (
    SELECT user_id, time_zone, d.day,
           d.day::timestamp AT TIME ZONE time_zone AS since,
           (d.day + 1)::timestamp AT TIME ZONE time_zone AS until
      FROM person CROSS JOIN unnest($1::date[]) AS d (day)
     WHERE (d.day + 1)::timestamp AT TIME ZONE time_zone <= $2::timestamptz
), counted AS MATERIALIZED (
    SELECT b.user_id, b.day, b.time_zone,
           count(m.message_id) FILTER (WHERE m.direction = 'in') AS messages_in,
           count(m.message_id) FILTER (WHERE m.direction = 'out') AS messages_out,
           count(m.message_id) FILTER (WHERE m.is_paid) AS messages_paid,
           count(DISTINCT m.thread_id) AS active_threads
      FROM bounds AS b
      LEFT JOIN app_read.messages AS m
             ON m.user_id = b.user_id AND m.sent_at >= b.since AND m.sent_at < b.until
     GROUP BY b.user_id, b.day, b.time_zone
), gone AS (
    DELETE FROM daily_stats AS s
     WHERE s.day = ANY ($1::date[])
       AND NOT EXISTS (SELECT FROM person AS p WHERE p.user_id = s.user_id)
), written AS (
    INSERT INTO daily_stats AS s
    SELECT c.user_id, c.day, c.time_zone, c.messages_in, c.messages_out, c.messages_paid, c.active_threads
      FROM counted AS c
     WHERE NOT EXISTS (
               SELECT FROM daily_stats AS o
                WHERE o.user_id = c.user_id AND o.day = c.day
                  AND (o.time_zone, o.messages_in, o.messages_out, o.messages_paid, o.active_threads)
                    = (c.time_zone, c.messages_in, c.messages_out, c.messages_paid, c.active_threads))
     ORDER BY c.user_id, c.day
    ON CONFLICT (user_id, day) DO UPDATE
            SET time_zone = EXCLUDED.time_zone, messages_in = EXCLUDED.messages_in,
                messages_out = EXCLUDED.messages_out, messages_paid = EXCLUDED.messages_paid,
                active_threads = EXCLUDED.active_threads
      RETURNING s.user_id
)
SELECT (SELECT count(DISTINCT user_id) FROM counted) AS users,
       (SELECT coalesce(sum(messages_in + messages_out), 0) FROM counted)::bigint AS messages,
       (SELECT count(*) FROM written) AS written;

-- name: count_revenue
-- Make daily_revenue agree with the completed transactions of some days, and write only rows that differ.
-- $1 days date[], $2 as_of timestamptz
WITH zone AS MATERIALIZED (
    SELECT name FROM pg_timezone_names
), bounds AS MATERIALIZED (
    SELECT u.user_id, d.day, d.day::timestamp AT TIME ZONE z.zone AS since,
           (d.day + 1)::timestamp AT TIME ZONE z.zone AS until
      FROM app_read.users AS u
      LEFT JOIN zone ON zone.name = u.time_zone
     CROSS JOIN LATERAL (SELECT coalesce(zone.name, 'UTC') AS zone) AS z
     CROSS JOIN unnest($1::date[]) AS d (day)
     WHERE (d.day + 1)::timestamp AT TIME ZONE z.zone <= $2::timestamptz
), counted AS MATERIALIZED (
    SELECT b.user_id, b.day, t.currency, sum(t.amount) AS amount, count(*) AS transactions
      FROM bounds AS b
      JOIN app_read.transactions AS t
        ON t.user_id = b.user_id AND t.occurred_at >= b.since AND t.occurred_at < b.until
     WHERE t.status = 'completed'
     GROUP BY b.user_id, b.day, t.currency
), gone AS (
    DELETE FROM daily_revenue AS r
     USING bounds AS b
     WHERE r.user_id = b.user_id AND r.day = b.day
       AND NOT EXISTS (SELECT FROM counted AS c
                        WHERE c.user_id = r.user_id AND c.day = r.day AND c.currency = r.currency)
), written AS (
    INSERT INTO daily_revenue AS r
    SELECT c.user_id, c.day, c.currency, c.amount, c.transactions
      FROM counted AS c
     WHERE NOT EXISTS (SELECT FROM daily_revenue AS o
                        WHERE o.user_id = c.user_id AND o.day = c.day AND o.currency = c.currency
                          AND (o.amount, o.transactions) = (c.amount, c.transactions))
     ORDER BY c.user_id, c.day, c.currency
    ON CONFLICT (user_id, day, currency) DO UPDATE
            SET amount = EXCLUDED.amount, transactions = EXCLUDED.transactions
      RETURNING r.user_id
)
SELECT count(*) AS written FROM written;

-- name: mark_counted
-- $1 days date[] that are over in every zone
INSERT INTO counted_day (day) SELECT unnest($1::date[]) ON CONFLICT (day) DO NOTHING;

-- name: day_totals
-- One user's counted day, for the demo and for reports.
-- $1 user_id, $2 day
SELECT messages_in, messages_out, messages_paid, active_threads
  FROM daily_stats WHERE user_id = $1::text AND day = $2::date;

-- name: save_user_stats
-- Statistics of all users over a window and the one before it.
-- A turn is a fan's first message after ours; it counts once it is a day old.
-- $1 until timestamptz, $2 window_days
WITH span AS (
    SELECT $1::timestamptz AS until, $1::timestamptz - make_interval(days => $2::integer) AS since,
           $1::timestamptz - make_interval(days => 2 * $2::integer) AS before
), seen AS MATERIALIZED (
    SELECT m.user_id, m.thread_id, m.direction, m.sent_at,
           lag(m.direction) OVER thread AS previous,
           min(m.sent_at) FILTER (WHERE m.direction = 'out') OVER after AS answered_at
      FROM app_read.messages AS m, span
     WHERE m.sent_at >= span.before AND m.sent_at < span.until
    WINDOW thread AS (PARTITION BY m.user_id, m.thread_id ORDER BY m.sent_at, m.message_id),
           after AS (PARTITION BY m.user_id, m.thread_id ORDER BY m.sent_at, m.message_id
                     ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
), sent AS (
    SELECT user_id,
           count(*) FILTER (WHERE direction = 'out' AND sent_at >= span.since) AS now,
           count(*) FILTER (WHERE direction = 'out' AND sent_at < span.since) AS before
      FROM seen, span GROUP BY user_id
), turn AS (
    SELECT user_id,
           100.0 * count(*) FILTER (WHERE answered_at < sent_at + interval '1 day') / count(*) AS rate,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - sent_at))
               FILTER (WHERE answered_at < sent_at + interval '1 day') AS median
      FROM seen, span
     WHERE direction = 'in' AND previous IS DISTINCT FROM 'in'
       AND sent_at >= span.since AND sent_at < span.until - interval '1 day'
     GROUP BY user_id
), chat AS (
    SELECT user_id, count(*) FILTER (WHERE now) AS now, count(*) FILTER (WHERE before) AS before
      FROM (SELECT user_id, thread_id,
                   count(DISTINCT direction) FILTER (WHERE sent_at >= span.since) = 2 AS now,
                   count(DISTINCT direction) FILTER (WHERE sent_at < span.since) = 2 AS before
              FROM seen, span GROUP BY user_id, thread_id) AS per_thread
     GROUP BY user_id
), fresh AS (
    SELECT u.user_id, coalesce(sent.now, 0) AS sent, coalesce(sent.before, 0) AS sent_before,
           turn.rate::float8 AS rate, turn.median, coalesce(chat.now, 0) AS chats, coalesce(chat.before, 0) AS chats_before
      FROM app_read.users AS u
      LEFT JOIN sent USING (user_id) LEFT JOIN turn USING (user_id) LEFT JOIN chat USING (user_id)
), written AS (
    INSERT INTO user_stats
    SELECT user_id, $2::integer, $1::timestamptz, sent, sent_before,
           100.0 * (sent - sent_before) / nullif(sent_before, 0), rate, median, chats, chats_before,
           100.0 * (chats - chats_before) / nullif(chats_before, 0)
      FROM fresh ORDER BY user_id
    ON CONFLICT (user_id, window_days) DO UPDATE
            SET until = EXCLUDED.until, messages_sent = EXCLUDED.messages_sent,
                messages_before = EXCLUDED.messages_before, messages_trend = EXCLUDED.messages_trend,
                response_rate = EXCLUDED.response_rate, median_response_s = EXCLUDED.median_response_s,
                active_chats = EXCLUDED.active_chats, active_chats_before = EXCLUDED.active_chats_before,
                active_chats_trend = EXCLUDED.active_chats_trend
          WHERE user_stats.until <= EXCLUDED.until AND user_stats IS DISTINCT FROM EXCLUDED
      RETURNING user_id
)
SELECT (SELECT count(*) FROM fresh) AS users, (SELECT count(*) FROM written) AS written,
       (SELECT count(*) FROM seen) AS messages;

-- name: save_user_revenue
-- $1 until timestamptz, $2 window_days
WITH span AS (
    SELECT $1::timestamptz AS until, $1::timestamptz - make_interval(days => $2::integer) AS since,
           $1::timestamptz - make_interval(days => 2 * $2::integer) AS before
), fresh AS (
    SELECT t.user_id, t.currency,
           coalesce(sum(t.amount) FILTER (WHERE t.occurred_at >= span.since), 0) AS now,
           coalesce(sum(t.amount) FILTER (WHERE t.occurred_at < span.since), 0) AS before
      FROM app_read.transactions AS t, span
     WHERE t.status = 'completed' AND t.occurred_at >= span.before AND t.occurred_at < span.until
     GROUP BY t.user_id, t.currency
)
INSERT INTO user_revenue
SELECT user_id, $2::integer, currency, now, before, (100.0 * (now - before) / nullif(before, 0))::float8
  FROM fresh ORDER BY user_id, currency
ON CONFLICT (user_id, window_days, currency) DO UPDATE
        SET amount = EXCLUDED.amount, before = EXCLUDED.before, trend = EXCLUDED.trend;

-- name: policies
-- $1 policy id, or null for all enabled ones
SELECT id, keep_days, batch_rows, most_share
  FROM retention_policy
 WHERE CASE WHEN $1::text IS NULL THEN enabled ELSE id = $1::text END
 ORDER BY id;

-- name: archived_messages_before
-- What the policy for archived messages would delete.
-- $1 cutoff timestamptz
SELECT count(*) FILTER (WHERE archived_at < $1::timestamptz AND NOT hold) AS matched, count(*) AS total,
       (min(sent_at) FILTER (WHERE archived_at < $1::timestamptz AND NOT hold))::date AS first_day
  FROM app_read.messages;

-- name: uncounted_days
-- How many days of a range were not counted. A civil day may begin a day before or after the one in UTC.
-- $1 first day, $2 last day
SELECT count(*)
  FROM generate_series($1::date - 1, $2::date + 1, interval '1 day') AS d (day)
 WHERE NOT EXISTS (SELECT FROM counted_day AS c WHERE c.day = d.day::date);

-- name: delete_archived_messages
-- $1 cutoff timestamptz, $2 most rows
SELECT app_read.delete_archived_messages($1::timestamptz, $2::integer);

-- name: save_cleanup
-- $1 job_id, $2 policy_id, $3 cutoff, $4 dry_run, $5 matched, $6 deleted, $7 held_back
INSERT INTO cleanup_run (job_id, policy_id, cutoff, dry_run, matched, deleted, held_back)
     VALUES ($1::text, $2::text, $3::timestamptz, $4::boolean, $5::bigint, $6::bigint, $7::text);
