-- Tracked queries, scrapes, posts, trends and recommendations.

-- name: take_due
-- Take the queries that are due; the next run finds them due again an interval later.
-- $1 now
UPDATE tracked_query
   SET next_due_at = $1::timestamptz + make_interval(mins => interval_minutes)
 WHERE enabled AND next_due_at <= $1::timestamptz
RETURNING platform, kind, value, max_posts;

-- name: drop_old_rows
-- Forget rows as Apify gave them.
-- $1 seen before
DELETE FROM raw_rows WHERE seen_at < $1::timestamptz;

-- name: lock_budget
-- Those who are about to spend ask one after the other.
SELECT pg_advisory_xact_lock(hashtext('huntaze_trends budget'));

-- name: spent
-- What the scrapes since then cost, or may cost where that is not known yet; for all, and for one user.
-- $1 since, $2 user_id or null
SELECT coalesce(sum(coalesce(cost_usd, reserved_usd)), 0)::float8 AS by_all,
       coalesce(sum(coalesce(cost_usd, reserved_usd)) FILTER (WHERE user_id = $2::text), 0)::float8 AS by_user
  FROM scrape
 WHERE intended_at >= $1::timestamptz;

-- name: intend
-- Note a scrape before it is started. No row: another job has it.
-- $1 scrape_id, $2 platform, $3 kind, $4 value, $5 actor_id, $6 actor_version, $7 asked_by, $8 user_id,
-- $9 reserved_usd, $10 now
INSERT INTO scrape (scrape_id, platform, kind, value, actor_id, actor_version, asked_by, user_id, reserved_usd,
                    intended_at)
     VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::integer, $7::text, $8::text, $9::numeric,
             $10::timestamptz)
ON CONFLICT (scrape_id) DO UPDATE SET asked_by = EXCLUDED.asked_by WHERE scrape.asked_by = EXCLUDED.asked_by
  RETURNING intended_at, run_id, xmax = 0 AS is_new;

-- name: scrape_of
-- $1 job id
SELECT scrape_id FROM scrape WHERE asked_by = $1::text;

-- name: withdraw
-- Forget an intent that certainly led to no run.
-- $1 scrape_id
DELETE FROM scrape WHERE scrape_id = $1::text AND run_id IS NULL;

-- name: started
-- $1 scrape_id, $2 run_id, $3 dataset_id
UPDATE scrape SET run_id = $2::text, dataset_id = $3::text
 WHERE scrape_id = $1::text AND run_id IS NULL;

-- name: known_runs
-- Which of these runs belong to a scrape already.
-- $1 run ids
SELECT run_id FROM scrape WHERE run_id = ANY ($1::text[]);

-- name: find_scrape
-- $1 scrape_id
SELECT platform, kind, value, run_id, dataset_id, found FROM scrape WHERE scrape_id = $1::text;

-- name: lock_scrape
-- Collect a scrape alone; what was found if that is done already.
-- $1 scrape_id
SELECT found FROM scrape WHERE scrape_id = $1::text FOR UPDATE;

-- name: run_ended
-- $1 scrape_id, $2 run_status, $3 cost_usd
UPDATE scrape SET run_status = $2::text, cost_usd = $3::numeric WHERE scrape_id = $1::text;

-- name: save_posts
-- What a later scrape reads is what the author may have changed. What it does not tell stays.
-- $1 posts json, $2 captured_at
INSERT INTO post AS p (platform, external_id, author, author_name, text, tags, created_at, promoted, url, kind,
                       language, sound, sound_title, original_sound, duration_s, first_seen_at, last_seen_at)
     SELECT platform, external_id, author, author_name, text, tags, created_at, promoted, url, kind,
            language, sound, sound_title, original_sound, duration_s, $2::timestamptz, $2::timestamptz
       FROM json_to_recordset($1::json)
            AS r (platform text, external_id text, author text, author_name text, text text, tags text[],
                  created_at timestamptz, promoted boolean, url text, kind text, language text, sound text,
                  sound_title text, original_sound boolean, duration_s float8)
   ORDER BY external_id
ON CONFLICT (platform, external_id) DO UPDATE
        SET author = EXCLUDED.author, author_name = coalesce(EXCLUDED.author_name, p.author_name),
            text = EXCLUDED.text, tags = EXCLUDED.tags, promoted = EXCLUDED.promoted,
            url = coalesce(EXCLUDED.url, p.url), kind = EXCLUDED.kind,
            language = coalesce(EXCLUDED.language, p.language), sound = coalesce(EXCLUDED.sound, p.sound),
            sound_title = coalesce(EXCLUDED.sound_title, p.sound_title),
            original_sound = EXCLUDED.original_sound, duration_s = coalesce(EXCLUDED.duration_s, p.duration_s),
            last_seen_at = EXCLUDED.last_seen_at;

-- name: save_snapshots
-- $1 scrape_id, $2 posts json, $3 captured_at, $4 judgements json, in the same order
INSERT INTO post_snapshot (scrape_id, platform, external_id, views, likes, comments, shares, saves, followers,
                           captured_at, verdict, reasons, duplicate_of, virality)
     SELECT $1::text, p.platform, p.external_id, p.views, p.likes, p.comments, p.shares, p.saves, p.followers,
            $3::timestamptz, j.verdict, j.reasons, j.duplicate_of, j.virality
       FROM ROWS FROM (json_to_recordset($2::json)
                       AS (platform text, external_id text, views bigint, likes bigint, comments bigint,
                           shares bigint, saves bigint, followers bigint)) WITH ORDINALITY
            AS p (platform, external_id, views, likes, comments, shares, saves, followers, number)
       JOIN ROWS FROM (json_to_recordset($4::json)
                       AS (verdict text, reasons text[], duplicate_of text, virality json)) WITH ORDINALITY
            AS j (verdict, reasons, duplicate_of, virality, number)
         ON j.number = p.number
ON CONFLICT DO NOTHING;

-- name: save_raw_rows
-- $1 scrape_id, $2 rows bytea, $3 seen_at
INSERT INTO raw_rows (scrape_id, rows, seen_at) VALUES ($1::text, $2::bytea, $3::timestamptz)
ON CONFLICT DO NOTHING;

-- name: save_quarantined
-- $1 scrape_id, $2 numbers, $3 reasons, $4 sha256s
INSERT INTO quarantined_row
     SELECT $1::text, r.number, r.reason, r.sha256
       FROM unnest($2::integer[], $3::text[], $4::bytea[]) AS r (number, reason, sha256)
ON CONFLICT DO NOTHING;

-- name: collected
-- $1 scrape_id, $2 posts, $3 tombstones, $4 quarantined, $5 copies, $6 not_counted json, $7 found json, $8 until
UPDATE scrape
   SET collected_at = clock_timestamp(), posts = $2::integer, tombstones = $3::integer,
       quarantined = $4::integer, copies = $5::integer, not_counted = $6::json, found = $7::json,
       until = $8::timestamptz
 WHERE scrape_id = $1::text;

-- name: posts_of_query
-- All posts that any scrape of a query found and that were made since; with their two latest counts.
-- $1 platform, $2 kind, $3 value, $4 since
WITH seen AS (
    SELECT s.external_id, s.captured_at, s.views, s.likes, s.comments, s.shares, s.saves, s.followers,
           row_number() OVER (PARTITION BY s.external_id ORDER BY s.captured_at DESC) AS nth
      FROM scrape AS c
      JOIN post_snapshot AS s USING (scrape_id)
     WHERE c.platform = $1::text AND c.kind = $2::text AND c.value = $3::text
       AND c.intended_at >= $4::timestamptz
)
SELECT p.platform, p.external_id, p.author, p.author_name, p.text, p.tags, p.created_at, p.promoted, p.url, p.kind,
       p.language, p.sound, p.sound_title, p.original_sound, p.duration_s,
       l.views, l.likes, l.comments, l.shares, l.saves, l.followers, l.captured_at,
       b.views AS views_before, b.captured_at AS captured_before
  FROM seen AS l
  LEFT JOIN seen AS b ON b.external_id = l.external_id AND b.nth = 2
  JOIN post AS p ON p.platform = $1::text AND p.external_id = l.external_id
 WHERE l.nth = 1 AND p.created_at >= $4::timestamptz;

-- name: growth_examples
-- How views grew between scrapes, and had grown before: what forecasts are learnt from.
-- $1 platform, $2 captured since, $3 least hours between, $4 most hours between, $5 most rows
SELECT extract(epoch FROM s.captured_at - p.created_at)::float8 / 3600 AS age_h, s.views,
       extract(epoch FROM t.captured_at - s.captured_at)::float8 / 3600 AS hours, t.views AS later,
       extract(epoch FROM s.captured_at - b.captured_at)::float8 / 3600 AS hours_before, b.views AS views_before
  FROM post_snapshot AS s
  JOIN post AS p USING (platform, external_id)
  JOIN LATERAL (SELECT captured_at, views
                  FROM post_snapshot
                 WHERE platform = s.platform AND external_id = s.external_id AND views > 0
                   AND captured_at >= s.captured_at + make_interval(secs => $3::float8 * 3600)
                   AND captured_at <= s.captured_at + make_interval(secs => $4::float8 * 3600)
              ORDER BY captured_at
                 LIMIT 1) AS t ON true
  LEFT JOIN LATERAL (SELECT captured_at, views
                       FROM post_snapshot
                      WHERE platform = s.platform AND external_id = s.external_id AND views > 0
                        AND captured_at <= s.captured_at - interval '1 hour'
                   ORDER BY captured_at DESC
                      LIMIT 1) AS b ON true
 WHERE s.platform = $1::text AND s.captured_at >= $2::timestamptz AND s.views > 0
 ORDER BY s.captured_at DESC, s.external_id
 LIMIT $5::integer;

-- name: save_trends
-- $1 scrape_id, $2 trends json
INSERT INTO trend (scrape_id, name, state, posts, total_posts, authors, share, base_share, ratio, ratio_low,
                   p_value, q_value, weight, windows_in_burst, reasons, trend_id, kind, also, expected,
                   of_busiest, level, since, peak_share, half_life_h, sponsored_share, platforms, examples,
                   history, caveats, detector_version)
     SELECT $1::text, r.*
       FROM json_to_recordset($2::json)
            AS r (name text, state text, posts integer, total_posts integer, authors integer, share float8,
                  base_share float8, ratio float8, ratio_low float8, p_value float8, q_value float8,
                  weight float8, windows_in_burst integer, reasons text[], trend_id text, kind text,
                  also text[], expected float8, of_busiest integer, level integer, since timestamptz,
                  peak_share float8, half_life_h float8, sponsored_share float8, platforms text[],
                  examples text[], history float8[], caveats text[], detector_version text);

-- name: elsewhere
-- The latest state of the same tags and phrases on other platforms, in the last days.
-- $1 platform to leave out, $2 names, $3 seen since
SELECT DISTINCT ON (t.name, c.platform) t.name, c.platform, t.state, t.since, t.total_posts, t.ratio
  FROM trend AS t
  JOIN scrape AS c USING (scrape_id)
 WHERE c.platform <> $1::text AND t.name = ANY ($2::text[]) AND c.until >= $3::timestamptz
   AND t.state IN ('emerging', 'rising', 'peaking', 'fading')
 ORDER BY t.name, c.platform, c.until DESC;

-- name: looked_at
-- How much each platform showed of a tag lately, and before: absence needs somebody who looked.
-- $1 tag, $2 since, $3 until, $4 base since
SELECT platform,
       count(*) FILTER (WHERE created_at >= $2::timestamptz) AS total,
       count(*) FILTER (WHERE created_at >= $2::timestamptz AND $1::text = ANY (tags)) AS seen,
       count(*) FILTER (WHERE created_at < $2::timestamptz) AS base_total,
       count(*) FILTER (WHERE created_at < $2::timestamptz AND $1::text = ANY (tags)) AS base_seen
  FROM post
 WHERE created_at >= $4::timestamptz AND created_at < $3::timestamptz AND NOT promoted
 GROUP BY platform;

-- name: followers_of
-- $1 platform, $2 kind, $3 value
SELECT user_id FROM query_follower
 WHERE platform = $1::text AND kind = $2::text AND value = $3::text
 ORDER BY user_id;

-- name: brand
-- $1 user_id
SELECT profile FROM brand WHERE user_id = $1::text;

-- name: save_brand
-- $1 user_id, $2 profile json
INSERT INTO brand (user_id, profile) VALUES ($1::text, $2::json)
ON CONFLICT (user_id) DO UPDATE SET profile = EXCLUDED.profile, updated_at = clock_timestamp();

-- name: own_posts
-- The latest posts of an account, with their latest views.
-- $1 platform, $2 handle in lower case, $3 most
SELECT p.created_at, s.views
  FROM post AS p
  JOIN LATERAL (SELECT views FROM post_snapshot
                 WHERE platform = p.platform AND external_id = p.external_id
              ORDER BY captured_at DESC LIMIT 1) AS s ON s.views IS NOT NULL
 WHERE p.platform = $1::text AND lower(p.author_name) = $2::text
 ORDER BY p.created_at DESC
 LIMIT $3::integer;

-- name: track
-- $1 platform, $2 kind, $3 value, $4 interval_minutes, $5 max_posts
INSERT INTO tracked_query AS q (platform, kind, value, interval_minutes, max_posts)
     VALUES ($1::text, $2::text, $3::text, $4::integer, $5::integer)
ON CONFLICT (platform, kind, value) DO UPDATE
        SET interval_minutes = least(q.interval_minutes, EXCLUDED.interval_minutes),
            max_posts = greatest(q.max_posts, EXCLUDED.max_posts), enabled = true;

-- name: follow
-- $1 user_id, $2 platform, $3 kind, $4 value
INSERT INTO query_follower (user_id, platform, kind, value)
     VALUES ($1::text, $2::text, $3::text, $4::text)
ON CONFLICT DO NOTHING;

-- name: unfollow
-- $1 user_id, $2 platform, $3 kind, $4 value
DELETE FROM query_follower
 WHERE user_id = $1::text AND platform = $2::text AND kind = $3::text AND value = $4::text
RETURNING user_id;

-- name: untrack
-- Scrape a query no more that nobody follows; its past stays.
-- $1 platform, $2 kind, $3 value
UPDATE tracked_query AS q SET enabled = false
 WHERE platform = $1::text AND kind = $2::text AND value = $3::text
   AND NOT EXISTS (SELECT FROM query_follower AS f
                    WHERE f.platform = q.platform AND f.kind = q.kind AND f.value = q.value);

-- name: followed
-- $1 user_id
SELECT q.platform, q.kind, q.value, q.interval_minutes, q.max_posts
  FROM query_follower AS f
  JOIN tracked_query AS q USING (platform, kind, value)
 WHERE f.user_id = $1::text
 ORDER BY q.platform, q.kind, q.value;

-- name: follow_count
-- $1 user_id
SELECT count(*) FROM query_follower WHERE user_id = $1::text;

-- name: save_recommendations
-- One row for a recommendation: renewed while it is new, left alone for a while once it was decided.
-- $1 user_id, $2 ids, $3 trend ids, $4 platforms, $5 contents json[], $6 scores, $7 expire at, $8 made_at,
-- $9 silence interval
INSERT INTO recommendation AS r (recommendation_id, user_id, trend_id, platform, content, score, first_made_at,
                                 made_at, expires_at)
     SELECT n.id, $1::text, n.trend_id, n.platform, n.content::json, n.score, $8::timestamptz, $8::timestamptz,
            n.expires_at
       FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::float8[], $7::timestamptz[])
            AS n (id, trend_id, platform, content, score, expires_at)
ON CONFLICT (recommendation_id) DO UPDATE
        SET content = EXCLUDED.content, score = EXCLUDED.score, made_at = EXCLUDED.made_at,
            expires_at = EXCLUDED.expires_at, status = 'new', decided_at = NULL,
            first_made_at = CASE WHEN r.expires_at < EXCLUDED.made_at THEN EXCLUDED.made_at
                                 ELSE r.first_made_at END
      WHERE r.status = 'new' OR r.decided_at < EXCLUDED.made_at - $9::interval
  RETURNING first_made_at = $8::timestamptz AS is_new;

-- name: recommendations
-- $1 user_id, $2 now
SELECT content
  FROM recommendation
 WHERE user_id = $1::text AND status = 'new' AND expires_at > $2::timestamptz
 ORDER BY score DESC, recommendation_id
 LIMIT 50;

-- name: decide
-- $1 recommendation_id, $2 user_id, $3 status, $4 now
UPDATE recommendation SET status = $3::text, decided_at = $4::timestamptz
 WHERE recommendation_id = $1::text AND user_id = $2::text
RETURNING recommendation_id;

-- name: trends_of_user
-- What the latest scrape of each query found that a user follows.
-- $1 user_id or null for anyone, $2 scraped since
SELECT DISTINCT ON (c.platform, c.kind, c.value) c.platform, c.kind, c.value, c.found
  FROM query_follower AS f
  JOIN scrape AS c USING (platform, kind, value)
 WHERE ($1::text IS NULL OR f.user_id = $1::text) AND c.found IS NOT NULL AND c.until >= $2::timestamptz
 ORDER BY c.platform, c.kind, c.value, c.until DESC;

-- name: trend_of_user
-- A trend as the latest scrape has it, if the user follows its query.
-- $1 trend_id, $2 user_id
SELECT c.found, c.platform
  FROM trend AS t
  JOIN scrape AS c USING (scrape_id)
 WHERE t.trend_id = $1::text
   AND EXISTS (SELECT FROM query_follower AS f
                WHERE f.user_id = $2::text AND f.platform = c.platform AND f.kind = c.kind AND f.value = c.value)
 ORDER BY c.until DESC
 LIMIT 1;
