-- Reports. Civil days come as instants, computed by huntaze_data.reports.periods: no zone is known here.

-- name: person
-- $1 user_id
SELECT name, time_zone, created_at FROM app_read.users WHERE user_id = $1::text;

-- name: preferences
-- $1 user_id
SELECT weekly, monthly, weekday, month_day, hour, formats FROM report_preference WHERE user_id = $1::text;

-- name: save_preferences
-- $1 user_id, $2 weekly, $3 monthly, $4 weekday, $5 month_day, $6 hour, $7 formats text[]
INSERT INTO report_preference (user_id, weekly, monthly, weekday, month_day, hour, formats)
     VALUES ($1::text, $2::boolean, $3::boolean, $4::smallint, $5::smallint, $6::smallint, $7::text[])
ON CONFLICT (user_id) DO UPDATE
        SET weekly = EXCLUDED.weekly, monthly = EXCLUDED.monthly, weekday = EXCLUDED.weekday,
            month_day = EXCLUDED.month_day, hour = EXCLUDED.hour, formats = EXCLUDED.formats;

-- name: messages_by_day
-- The counted days; a day that was not counted yet is counted here, for this user.
-- $1 user_id, $2 days date[], $3 begins timestamptz[] of these days, $4 end timestamptz of the last
WITH raw AS (
    SELECT ($2::date[])[width_bucket(sent_at, $3::timestamptz[])] AS day,
           count(*) FILTER (WHERE direction = 'in') AS received,
           count(*) FILTER (WHERE direction = 'out') AS sent
      FROM app_read.messages
     WHERE user_id = $1::text AND sent_at >= ($3::timestamptz[])[1] AND sent_at < $4::timestamptz
     GROUP BY 1
)
SELECT d.day, coalesce(s.messages_in, raw.received, 0) AS received,
       coalesce(s.messages_out, raw.sent, 0) AS sent
  FROM unnest($2::date[]) AS d (day)
  LEFT JOIN daily_stats AS s ON s.user_id = $1::text AND s.day = d.day
  LEFT JOIN raw ON raw.day = d.day
 ORDER BY d.day;

-- name: revenue_by_day
-- $1 user_id, $2 days date[], $3 begins timestamptz[], $4 end timestamptz
SELECT ($2::date[])[width_bucket(occurred_at, $3::timestamptz[])] AS day, currency, kind,
       sum(amount)::float8 AS amount, count(*) AS payments
  FROM app_read.transactions
 WHERE user_id = $1::text AND status = 'completed'
   AND occurred_at >= ($3::timestamptz[])[1] AND occurred_at < $4::timestamptz
 GROUP BY 1, 2, 3
 ORDER BY 1, 2, 3;

-- name: snapshots
-- $1 user_id, $2 first date, $3 last date
SELECT account_id, platform, snapshot_date AS day, followers, engagement, reach, posts
  FROM app_read.analytics_snapshots
 WHERE user_id = $1::text AND snapshot_date BETWEEN $2::date AND $3::date
 ORDER BY account_id, snapshot_date;

-- name: replies
-- Fans' turns, and how soon they were answered. A turn is a fan's first message after ours.
-- $1 user_id, $2 begins timestamptz[] of the days, $3 end timestamptz: each turn had a day to be answered in
WITH seen AS (
    SELECT thread_id, direction, sent_at, lag(direction) OVER thread AS previous,
           min(sent_at) FILTER (WHERE direction = 'out') OVER after AS answered_at
      FROM app_read.messages
     WHERE user_id = $1::text AND sent_at >= ($2::timestamptz[])[1] - interval '7 days'
       AND sent_at < $3::timestamptz + interval '1 day'
    WINDOW thread AS (PARTITION BY thread_id ORDER BY sent_at, message_id),
           after AS (thread ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
)
SELECT width_bucket(sent_at, $2::timestamptz[]) - 1 AS number, count(*) AS turns,
       count(*) FILTER (WHERE answered_at < sent_at + interval '1 day') AS answered
  FROM seen
 WHERE direction = 'in' AND previous IS DISTINCT FROM 'in'
   AND sent_at >= ($2::timestamptz[])[1] AND sent_at < $3::timestamptz
 GROUP BY 1
 ORDER BY 1;

-- name: messages_by_hour
-- $1 user_id, $2 begins timestamptz[] of the hours, $3 end timestamptz
SELECT width_bucket(sent_at, $2::timestamptz[]) - 1 AS number, count(*) AS messages
  FROM app_read.messages
 WHERE user_id = $1::text AND direction = 'in'
   AND sent_at >= ($2::timestamptz[])[1] AND sent_at < $3::timestamptz
 GROUP BY 1
 ORDER BY 1;

-- name: top_posts
-- $1 user_id, $2 begin timestamptz, $3 end timestamptz, $4 most
SELECT post_id, platform, title, published_at, views, likes + comments + shares + saves AS engagement
  FROM app_read.posts
 WHERE user_id = $1::text AND published_at >= $2::timestamptz AND published_at < $3::timestamptz
 ORDER BY engagement DESC, views DESC, post_id
 LIMIT $4::integer;

-- name: known_until
-- The newest event of a period, and when the application learned of its messages.
-- $1 user_id, $2 begin timestamptz, $3 end timestamptz
SELECT greatest(
         (SELECT max(sent_at) FROM app_read.messages
           WHERE user_id = $1::text AND sent_at >= $2::timestamptz AND sent_at < $3::timestamptz),
         (SELECT max(occurred_at) FROM app_read.transactions
           WHERE user_id = $1::text AND status = 'completed'
             AND occurred_at >= $2::timestamptz AND occurred_at < $3::timestamptz)) AS until;

-- name: lock_report
-- Make the report's row, or wait for whoever has it.
-- $1 report_id, $2 user_id, $3 kind, $4 first_day, $5 last_day
INSERT INTO report AS r (report_id, user_id, kind, first_day, last_day)
     VALUES ($1::text, $2::text, $3::text, $4::date, $5::date)
ON CONFLICT (report_id) DO UPDATE SET kind = r.kind
  RETURNING version, data_sha;

-- name: report
-- $1 report_id
SELECT report_id, user_id, kind, first_day, last_day, version, data_sha, time_zone, headline, generated_at
  FROM report WHERE report_id = $1::text AND version > 0;

-- name: reports_of
-- A user's reports, the newest period first.
-- $1 user_id, $2 before date or null, $3 limit
SELECT report_id, user_id, kind, first_day, last_day, version, data_sha, time_zone, headline, generated_at
  FROM report
 WHERE user_id = $1::text AND version > 0 AND ($2::date IS NULL OR last_day < $2::date)
 ORDER BY last_day DESC, first_day DESC, report_id
 LIMIT $3::integer;

-- name: save_report
-- $1 report_id, $2 version, $3 data_sha bytea, $4 time_zone, $5 headline, $6 generated_at timestamptz
UPDATE report
   SET version = $2::integer, data_sha = $3::bytea, time_zone = $4::text, headline = $5::text,
       generated_at = $6::timestamptz
 WHERE report_id = $1::text;

-- name: forget_files
-- $1 report_id
DELETE FROM report_file WHERE report_id = $1::text;

-- name: save_file
-- $1 report_id, $2 format, $3 key, $4 bytes
INSERT INTO report_file (report_id, format, key, bytes) VALUES ($1::text, $2::text, $3::text, $4::bigint);

-- name: note_objects
-- $1 user_id, $2 keys text[]
INSERT INTO report_object (key, user_id) SELECT unnest($2::text[]), $1::text ON CONFLICT (key) DO NOTHING;

-- name: files
-- $1 report_id
SELECT format, key, bytes FROM report_file WHERE report_id = $1::text ORDER BY format;

-- name: people
-- A page of users with their choices, for the dispatcher.
-- $1 after user_id or null, $2 limit
SELECT u.user_id, u.time_zone, u.created_at, p.weekly, p.monthly, p.weekday, p.month_day, p.hour, p.formats
  FROM app_read.users AS u LEFT JOIN report_preference AS p USING (user_id)
 WHERE $1::text IS NULL OR u.user_id > $1::text
 ORDER BY u.user_id
 LIMIT $2::integer;

-- name: not_asked
-- Which of these were not asked for in their look yet.
-- $1 report_id text[], $2 look smallint[]
SELECT d.report_id
  FROM unnest($1::text[], $2::smallint[]) AS d (report_id, look)
 WHERE NOT EXISTS (SELECT FROM report AS r WHERE r.report_id = d.report_id AND r.look >= d.look);

-- name: ask
-- Note which reports are asked for, and return those that were not asked for in this look before.
-- $1 report_id text[], $2 user_id text[], $3 kind text[], $4 first_day date[], $5 last_day date[],
-- $6 look smallint[]
INSERT INTO report AS r (report_id, user_id, kind, first_day, last_day, look)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::date[], $6::smallint[])
 ORDER BY 1
ON CONFLICT (report_id) DO UPDATE SET look = EXCLUDED.look WHERE r.look < EXCLUDED.look
  RETURNING report_id;
