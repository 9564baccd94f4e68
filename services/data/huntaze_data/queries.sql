-- Daily counts, user statistics and windows. Days are civil days of the user; spans of time are half-open.

-- name: time_zones
-- Every zone that a user has, as the application writes it.
SELECT DISTINCT time_zone FROM app_read.users;

-- name: sealed_days
-- $1 days date[]
SELECT day FROM counted_day WHERE day = ANY ($1::date[]) AND sealed_at IS NOT NULL ORDER BY day DESC;

-- name: lock_day
-- One run counts a day at a time; a second one waits here, and then finds nothing to change. Nor is a day sealed
-- meanwhile: see lock_sealing in retention.sql. (A lock on the row would be a record in the log.)
-- $1 day
SELECT pg_advisory_xact_lock(hashtextextended('huntaze_data.day', $1::date - date '2000-01-01')),
       pg_advisory_xact_lock_shared(hashtextextended('huntaze_data.sealing', 0));

-- name: is_sealed
-- $1 day
SELECT sealed_at IS NOT NULL FROM counted_day WHERE day = $1::date;

-- name: count_messages
-- Make daily_stats agree with the messages of one day: delete, change and add only rows that differ, in the order of
-- the key. Whoever calls it holds lock_day, so that nobody else adds the same rows.
-- $1 day, of the zones in which it is over: $2 as written text[], $3 names text[], $4 since timestamptz[], $5 until
-- timestamptz[]; $6 the first of the instants, $7 the last
WITH counted AS MATERIALIZED (
    SELECT m.user_id, min(p.zone) AS zone,
           (count(*) FILTER (WHERE m.direction = 'in'))::integer AS messages_in,
           (count(*) FILTER (WHERE m.direction = 'out'))::integer AS messages_out,
           (count(*) FILTER (WHERE m.is_paid))::integer AS messages_paid,
           count(DISTINCT m.thread_id)::integer AS active_threads
      FROM app_read.messages AS m
      -- OFFSET 0: else the messages might be read once per zone.
      JOIN (SELECT u.user_id, z.zone, z.since, z.until
              FROM app_read.users AS u
              JOIN unnest($2::text[], $4::timestamptz[], $5::timestamptz[]) WITH ORDINALITY
                       AS z (written, since, until, zone) ON z.written = u.time_zone
            OFFSET 0) AS p ON p.user_id = m.user_id
     WHERE m.sent_at >= $6::timestamptz AND m.sent_at < $7::timestamptz
       AND m.sent_at >= p.since AND m.sent_at < p.until
     GROUP BY m.user_id
    HAVING m.user_id NOT IN (SELECT e.user_id FROM erased_user AS e)
), differing AS MATERIALIZED (
    SELECT coalesce(c.user_id, o.user_id) AS user_id, o.user_id IS NULL AS is_new, c.user_id IS NULL AS is_gone,
           ($3::text[])[c.zone] AS time_zone, c.messages_in, c.messages_out, c.messages_paid, c.active_threads
      FROM counted AS c FULL JOIN (SELECT * FROM daily_stats WHERE day = $1::date) AS o ON o.user_id = c.user_id
     WHERE (o.time_zone, o.messages_in, o.messages_out, o.messages_paid, o.active_threads)
           IS DISTINCT FROM
           (($3::text[])[c.zone], c.messages_in, c.messages_out, c.messages_paid, c.active_threads)
), gone AS (
    -- A user whose day is not over keeps a row that an earlier zone of theirs left.
    DELETE FROM daily_stats AS s
     USING differing AS d
     WHERE d.is_gone AND s.day = $1::date AND s.user_id = d.user_id
       AND NOT EXISTS (SELECT FROM app_read.users AS u
                        WHERE u.user_id = d.user_id AND u.time_zone <> ALL ($2::text[])
                          AND u.user_id NOT IN (SELECT e.user_id FROM erased_user AS e))
    RETURNING 1
), changed AS (
    UPDATE daily_stats AS s
       SET time_zone = d.time_zone, messages_in = d.messages_in, messages_out = d.messages_out,
           messages_paid = d.messages_paid, active_threads = d.active_threads
      FROM differing AS d
     WHERE NOT d.is_gone AND NOT d.is_new AND s.day = $1::date AND s.user_id = d.user_id
    RETURNING 1
), added AS (
    INSERT INTO daily_stats (day, user_id, time_zone, messages_in, messages_out, messages_paid, active_threads)
    SELECT $1::date, user_id, time_zone, messages_in, messages_out, messages_paid, active_threads
      FROM differing WHERE is_new ORDER BY user_id
    RETURNING 1
)
SELECT count(*) AS users, coalesce(sum(messages_in + messages_out), 0)::bigint AS messages,
       (SELECT count(*) FROM gone) + (SELECT count(*) FROM changed) + (SELECT count(*) FROM added) AS written
  FROM counted;

-- name: count_revenue
-- Make daily_revenue agree with the completed transactions of one day, as count_messages does; $1 to $6 are as there
-- without the names.
WITH paid AS MATERIALIZED (
    SELECT t.user_id, t.currency, t.amount, t.occurred_at
      FROM app_read.transactions AS t
     WHERE t.occurred_at >= $5::timestamptz AND t.occurred_at < $6::timestamptz AND t.status = 'completed'
       AND t.user_id NOT IN (SELECT e.user_id FROM erased_user AS e)
), counted AS MATERIALIZED (
    SELECT t.user_id, t.currency, sum(t.amount) AS amount, count(*) AS transactions
      FROM paid AS t
      JOIN app_read.users AS u ON u.user_id = t.user_id
      JOIN unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) AS z (written, since, until)
        ON z.written = u.time_zone AND t.occurred_at >= z.since AND t.occurred_at < z.until
     GROUP BY t.user_id, t.currency
), differing AS MATERIALIZED (
    SELECT coalesce(c.user_id, o.user_id) AS user_id, coalesce(c.currency, o.currency) AS currency,
           o.user_id IS NULL AS is_new, c.user_id IS NULL AS is_gone, c.amount, c.transactions
      FROM counted AS c FULL JOIN (SELECT * FROM daily_revenue WHERE day = $1::date) AS o
           ON o.user_id = c.user_id AND o.currency = c.currency
     WHERE (o.amount, o.transactions) IS DISTINCT FROM (c.amount, c.transactions)
), gone AS (
    DELETE FROM daily_revenue AS r
     USING differing AS d
     WHERE d.is_gone AND r.day = $1::date AND r.user_id = d.user_id AND r.currency = d.currency
       AND NOT EXISTS (SELECT FROM app_read.users AS u
                        WHERE u.user_id = d.user_id AND u.time_zone <> ALL ($2::text[])
                          AND u.user_id NOT IN (SELECT e.user_id FROM erased_user AS e))
    RETURNING 1
), changed AS (
    UPDATE daily_revenue AS r SET amount = d.amount, transactions = d.transactions
      FROM differing AS d
     WHERE NOT d.is_gone AND NOT d.is_new AND r.day = $1::date AND r.user_id = d.user_id AND r.currency = d.currency
    RETURNING 1
), added AS (
    INSERT INTO daily_revenue (day, user_id, currency, amount, transactions)
    SELECT $1::date, user_id, currency, amount, transactions
      FROM differing WHERE is_new ORDER BY user_id, currency
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM changed) + (SELECT count(*) FROM added) AS written;

-- name: mark_counted
-- $1 day that is over in every zone
INSERT INTO counted_day (day) VALUES ($1::date) ON CONFLICT (day) DO NOTHING;

-- name: note_change
-- Streaks are computed from the beginning when a day changes that was settled.
-- $1 day
UPDATE streak_progress SET changed_since = least(changed_since, $1::date) WHERE settled_through >= $1::date;

-- name: lock_stats
SELECT pg_advisory_xact_lock(hashtextextended('huntaze_data.stats', 0));

-- name: save_user_stats
-- Statistics of all users over a window and the one before it.
-- A turn is a fan's first message after ours; it counts once it is a day old, and is answered within a day or not.
-- A user whose statistics are of a later window keeps them.
-- $1 until timestamptz, $2 window_days
WITH span AS MATERIALIZED (
    SELECT $1::timestamptz AS until, $1::timestamptz - make_interval(hours => 24 * $2::integer) AS since,
           $1::timestamptz - make_interval(hours => 48 * $2::integer) AS before
), person AS (
    SELECT u.user_id FROM app_read.users AS u
     WHERE NOT EXISTS (SELECT FROM erased_user AS e WHERE e.user_id = u.user_id)
), seen AS MATERIALIZED (
    SELECT m.user_id, m.thread_id, m.direction, m.sent_at, m.sent_at >= $1::timestamptz - make_interval(hours => 24 * $2::integer) AS now,
           lead(m.direction) OVER thread AS previous,
           min(m.sent_at) FILTER (WHERE m.direction = 'out') OVER thread AS answered_at
      FROM app_read.messages AS m
     WHERE m.sent_at >= $1::timestamptz - make_interval(hours => 48 * $2::integer) AND m.sent_at < $1::timestamptz
    -- From the newest on: the least instant so far is the next answer, and is kept up at no cost.
    WINDOW thread AS (PARTITION BY m.user_id, m.thread_id ORDER BY m.sent_at DESC, m.message_id DESC)
), turn AS (
    SELECT s.user_id, s.now,
           100.0 * count(*) FILTER (WHERE answered_at < sent_at + interval '24 hours') / count(*) AS rate,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM answered_at - sent_at))
               FILTER (WHERE answered_at < sent_at + interval '24 hours') AS median
      FROM seen AS s, span
     WHERE direction = 'in' AND previous IS DISTINCT FROM 'in' AND sent_at < span.until - interval '24 hours'
     GROUP BY s.user_id, s.now
), chat AS (
    SELECT user_id, now, sum(sent) AS sent, count(*) FILTER (WHERE sent > 0 AND received > 0) AS active
      FROM (SELECT user_id, thread_id, now, count(*) FILTER (WHERE direction = 'out') AS sent,
                   count(*) FILTER (WHERE direction = 'in') AS received
              FROM seen GROUP BY user_id, thread_id, now) AS thread
     GROUP BY user_id, now
), fresh AS (
    SELECT p.user_id, coalesce(c.sent, 0) AS sent, coalesce(b.sent, 0) AS sent_before,
           t.rate::float8 AS rate, o.rate::float8 AS rate_before, t.median, o.median AS median_before,
           coalesce(c.active, 0) AS chats, coalesce(b.active, 0) AS chats_before
      FROM person AS p
      LEFT JOIN chat AS c ON c.user_id = p.user_id AND c.now
      LEFT JOIN chat AS b ON b.user_id = p.user_id AND NOT b.now
      LEFT JOIN turn AS t ON t.user_id = p.user_id AND t.now
      LEFT JOIN turn AS o ON o.user_id = p.user_id AND NOT o.now
), ranked AS (
    SELECT f.*, count(*) OVER () AS users, count(rate) OVER () AS rated,
           percent_rank() OVER (ORDER BY sent) AS sent_rank,
           percent_rank() OVER (ORDER BY chats) AS chats_rank,
           percent_rank() OVER (PARTITION BY rate IS NULL ORDER BY rate) AS rate_rank
      FROM fresh AS f
), gone AS (
    DELETE FROM user_stats AS s
     WHERE s.window_days = $2::integer AND NOT EXISTS (SELECT FROM person AS p WHERE p.user_id = s.user_id)
), written AS (
    INSERT INTO user_stats AS s (
        user_id, window_days, until, messages_sent, messages_before, messages_trend,
        response_rate, response_rate_before, response_rate_trend,
        median_response_s, median_response_before_s, median_response_trend,
        active_chats, active_chats_before, active_chats_trend,
        messages_percentile, response_rate_percentile, active_chats_percentile)
    SELECT user_id, $2::integer, $1::timestamptz, sent, sent_before, 100.0 * (sent - sent_before) / nullif(sent_before, 0),
           rate, rate_before, 100.0 * (rate - rate_before) / nullif(rate_before, 0),
           median, median_before, 100.0 * (median - median_before) / nullif(median_before, 0),
           chats, chats_before, 100.0 * (chats - chats_before) / nullif(chats_before, 0),
           CASE WHEN users > 1 THEN 100 * sent_rank END,
           CASE WHEN rate IS NOT NULL AND rated > 1 THEN 100 * rate_rank END,
           CASE WHEN users > 1 THEN 100 * chats_rank END
      FROM ranked ORDER BY user_id
    ON CONFLICT (user_id, window_days) DO UPDATE
            SET until = EXCLUDED.until, messages_sent = EXCLUDED.messages_sent,
                messages_before = EXCLUDED.messages_before, messages_trend = EXCLUDED.messages_trend,
                response_rate = EXCLUDED.response_rate, response_rate_before = EXCLUDED.response_rate_before,
                response_rate_trend = EXCLUDED.response_rate_trend,
                median_response_s = EXCLUDED.median_response_s,
                median_response_before_s = EXCLUDED.median_response_before_s,
                median_response_trend = EXCLUDED.median_response_trend,
                active_chats = EXCLUDED.active_chats, active_chats_before = EXCLUDED.active_chats_before,
                active_chats_trend = EXCLUDED.active_chats_trend,
                messages_percentile = EXCLUDED.messages_percentile,
                response_rate_percentile = EXCLUDED.response_rate_percentile,
                active_chats_percentile = EXCLUDED.active_chats_percentile
          WHERE s.until <= EXCLUDED.until AND s IS DISTINCT FROM EXCLUDED
      RETURNING 1
)
SELECT (SELECT count(*) FROM fresh) AS users, (SELECT count(*) FROM written) AS written,
       (SELECT count(*) FROM seen) AS messages;

-- name: is_newest_window
-- Whether no statistics of a later window were saved before.
-- $1 until timestamptz, $2 window_days
SELECT NOT EXISTS (SELECT FROM user_stats WHERE window_days = $2::integer AND until > $1::timestamptz);

-- name: save_user_revenue
-- Completed revenue of the window and the one before it, per currency.
-- $1 until timestamptz, $2 window_days
WITH span AS (
    SELECT $1::timestamptz AS until, $1::timestamptz - make_interval(hours => 24 * $2::integer) AS since,
           $1::timestamptz - make_interval(hours => 48 * $2::integer) AS before
), fresh AS MATERIALIZED (
    SELECT t.user_id, t.currency,
           coalesce(sum(t.amount) FILTER (WHERE t.occurred_at >= span.since), 0) AS now,
           coalesce(sum(t.amount) FILTER (WHERE t.occurred_at < span.since), 0) AS before
      FROM app_read.transactions AS t, span
     WHERE t.status = 'completed' AND t.occurred_at >= span.before AND t.occurred_at < span.until
       AND NOT EXISTS (SELECT FROM erased_user AS e WHERE e.user_id = t.user_id)
     GROUP BY t.user_id, t.currency
), gone AS (
    DELETE FROM user_revenue AS r
     WHERE r.window_days = $2::integer
       AND NOT EXISTS (SELECT FROM fresh AS f WHERE f.user_id = r.user_id AND f.currency = r.currency)
)
INSERT INTO user_revenue AS r (user_id, window_days, currency, amount, before, trend, percentile)
SELECT user_id, $2::integer, currency, now, before, (100.0 * (now - before) / nullif(before, 0))::float8,
       CASE WHEN count(*) OVER (PARTITION BY currency) > 1
            THEN 100 * percent_rank() OVER (PARTITION BY currency ORDER BY now) END
  FROM fresh ORDER BY user_id, currency
ON CONFLICT (user_id, window_days, currency) DO UPDATE
        SET amount = EXCLUDED.amount, before = EXCLUDED.before, trend = EXCLUDED.trend,
            percentile = EXCLUDED.percentile
      WHERE r IS DISTINCT FROM EXCLUDED;

-- name: counted_through
-- The newest day that is counted and over in every zone; $1 the latest that may be it.
SELECT max(day) FROM counted_day WHERE day <= $1::date;

-- name: save_rolling_stats
-- Sums of the daily rows over windows of days that end with one.
-- $1 through date, $2 window_days integer[]
WITH fresh AS MATERIALIZED (
    SELECT s.user_id, w.days, sum(s.messages_in)::bigint AS messages_in, sum(s.messages_out)::bigint AS messages_out,
           sum(s.messages_paid)::bigint AS messages_paid,
           (count(*) FILTER (WHERE s.messages_out > 0))::integer AS active_days
      FROM daily_stats AS s JOIN unnest($2::integer[]) AS w (days) ON s.day > $1::date - w.days
     WHERE s.day <= $1::date AND s.day > $1::date - (SELECT max(d) FROM unnest($2::integer[]) AS d)
     GROUP BY s.user_id, w.days
), gone AS (
    DELETE FROM rolling_stats AS r
     WHERE NOT EXISTS (SELECT FROM fresh AS f WHERE f.user_id = r.user_id AND f.days = r.window_days)
)
INSERT INTO rolling_stats AS r (
       user_id, window_days, through, messages_in, messages_out, messages_paid, active_days)
SELECT user_id, days, $1::date, messages_in, messages_out, messages_paid, active_days
  FROM fresh ORDER BY user_id, days
ON CONFLICT (user_id, window_days) DO UPDATE
        SET through = EXCLUDED.through, messages_in = EXCLUDED.messages_in, messages_out = EXCLUDED.messages_out,
            messages_paid = EXCLUDED.messages_paid, active_days = EXCLUDED.active_days
      WHERE r IS DISTINCT FROM EXCLUDED;

-- name: save_rolling_revenue
-- $1 through date, $2 window_days integer[]
WITH fresh AS MATERIALIZED (
    SELECT s.user_id, w.days, s.currency, sum(s.amount) AS amount, sum(s.transactions)::bigint AS transactions
      FROM daily_revenue AS s JOIN unnest($2::integer[]) AS w (days) ON s.day > $1::date - w.days
     WHERE s.day <= $1::date AND s.day > $1::date - (SELECT max(d) FROM unnest($2::integer[]) AS d)
     GROUP BY s.user_id, w.days, s.currency
), gone AS (
    DELETE FROM rolling_revenue AS r
     WHERE NOT EXISTS (SELECT FROM fresh AS f
                        WHERE f.user_id = r.user_id AND f.days = r.window_days AND f.currency = r.currency)
)
INSERT INTO rolling_revenue AS r (user_id, window_days, currency, through, amount, transactions)
SELECT user_id, days, currency, $1::date, amount, transactions
  FROM fresh ORDER BY user_id, days, currency
ON CONFLICT (user_id, window_days, currency) DO UPDATE
        SET through = EXCLUDED.through, amount = EXCLUDED.amount, transactions = EXCLUDED.transactions
      WHERE r IS DISTINCT FROM EXCLUDED;

-- name: forget_streaks
-- Begin anew when a settled day was counted again.
WITH progress AS (
    UPDATE streak_progress SET settled_through = NULL, changed_since = NULL
     WHERE changed_since <= settled_through
    RETURNING 1
)
DELETE FROM user_streak WHERE EXISTS (SELECT FROM progress);

-- name: settle_streaks
-- Let the settled part of all streaks reach a day.
-- $1 day that late events no longer change
WITH fresh AS MATERIALIZED (
    SELECT * FROM streaks_through($1::date)
     WHERE coalesce((SELECT settled_through FROM streak_progress), '-infinity') < $1::date
), progress AS (
    UPDATE streak_progress SET settled_through = $1::date
     WHERE coalesce(settled_through, '-infinity') < $1::date
)
INSERT INTO user_streak AS u (
       user_id, last_day, current_days, longest_days, settled_last_day, settled_days, settled_longest)
SELECT user_id, last_day, run_days, longest_days, last_day, run_days, longest_days FROM fresh ORDER BY user_id
ON CONFLICT (user_id) DO UPDATE
        SET settled_last_day = EXCLUDED.settled_last_day, settled_days = EXCLUDED.settled_days,
            settled_longest = EXCLUDED.settled_longest
      WHERE (u.settled_last_day, u.settled_days, u.settled_longest)
            IS DISTINCT FROM (EXCLUDED.settled_last_day, EXCLUDED.settled_days, EXCLUDED.settled_longest);

-- name: save_streaks
-- $1 newest counted day
WITH fresh AS MATERIALIZED (
    SELECT user_id, last_day, CASE WHEN last_day = $1::date THEN run_days ELSE 0 END AS current_days, longest_days
      FROM streaks_through($1::date)
), gone AS (
    DELETE FROM user_streak AS u
     WHERE NOT EXISTS (SELECT FROM fresh AS f WHERE f.user_id = u.user_id)
)
INSERT INTO user_streak AS u (user_id, last_day, current_days, longest_days)
SELECT user_id, last_day, current_days, longest_days FROM fresh ORDER BY user_id
ON CONFLICT (user_id) DO UPDATE
        SET last_day = EXCLUDED.last_day, current_days = EXCLUDED.current_days,
            longest_days = EXCLUDED.longest_days
      WHERE (u.last_day, u.current_days, u.longest_days)
            IS DISTINCT FROM (EXCLUDED.last_day, EXCLUDED.current_days, EXCLUDED.longest_days);
