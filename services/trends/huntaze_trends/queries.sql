-- Tracked queries, scrapes, posts and trends.

-- name: take_due
-- Take the queries that are due; the next run finds them due again an interval later.
-- $1 now
UPDATE tracked_query
   SET next_due_at = $1::timestamptz + make_interval(mins => interval_minutes)
 WHERE enabled AND next_due_at <= $1::timestamptz
RETURNING platform, kind, value, max_posts;

-- name: intend
-- Note a scrape before it is started. No row: another job has it.
-- $1 scrape_id, $2 platform, $3 kind, $4 value, $5 actor_id, $6 actor_version, $7 asked_by
INSERT INTO scrape (scrape_id, platform, kind, value, actor_id, actor_version, asked_by)
     VALUES ($1::text, $2::text, $3::text, $4::text, $5::text, $6::integer, $7::text)
ON CONFLICT (scrape_id) DO UPDATE SET asked_by = EXCLUDED.asked_by WHERE scrape.asked_by = EXCLUDED.asked_by
  RETURNING intended_at, run_id, xmax = 0 AS is_new;

-- name: scrape_of
-- $1 job id
SELECT scrape_id FROM scrape WHERE asked_by = $1::text;

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
SELECT platform, kind, value, run_id, dataset_id, collected_at FROM scrape WHERE scrape_id = $1::text;

-- name: save_post
-- What a later scrape reads is what the author may have changed.
-- $1 platform, $2 external_id, $3 author, $4 text, $5 tags, $6 created_at, $7 promoted
INSERT INTO post AS p (platform, external_id, author, text, tags, created_at, promoted)
     VALUES ($1::text, $2::text, $3::text, $4::text, $5::text[], $6::timestamptz, $7::boolean)
ON CONFLICT (platform, external_id) DO UPDATE
        SET text = EXCLUDED.text, tags = EXCLUDED.tags, promoted = EXCLUDED.promoted
      WHERE (p.text, p.tags, p.promoted) IS DISTINCT FROM (EXCLUDED.text, EXCLUDED.tags, EXCLUDED.promoted);

-- name: save_snapshot
-- $1 scrape_id, $2 platform, $3 external_id, $4 views, $5 likes, $6 comments, $7 shares, $8 saves
INSERT INTO post_snapshot
     VALUES ($1::text, $2::text, $3::text, $4::bigint, $5::bigint, $6::bigint, $7::bigint, $8::bigint)
ON CONFLICT DO NOTHING;

-- name: save_quarantined
-- $1 scrape_id, $2 number, $3 reason, $4 sha256
INSERT INTO quarantined_row VALUES ($1::text, $2::integer, $3::text, $4::bytea) ON CONFLICT DO NOTHING;

-- name: collected
-- $1 scrape_id, $2 posts, $3 tombstones, $4 quarantined
UPDATE scrape
   SET collected_at = clock_timestamp(), posts = $2::integer, tombstones = $3::integer, quarantined = $4::integer
 WHERE scrape_id = $1::text;

-- name: posts_of_query
-- All posts that any scrape of a query found, created since.
-- $1 platform, $2 kind, $3 value, $4 since
SELECT platform, external_id, author, text, tags, created_at, promoted
  FROM post AS p
 WHERE created_at >= $4::timestamptz
   AND EXISTS (SELECT FROM post_snapshot AS s JOIN scrape AS c USING (scrape_id)
                WHERE s.platform = p.platform AND s.external_id = p.external_id
                  AND c.platform = $1::text AND c.kind = $2::text AND c.value = $3::text);

-- name: save_trend
-- $1 scrape_id, $2 name, $3 state, $4 posts, $5 total_posts, $6 authors, $7 share, $8 base_share, $9 ratio,
-- $10 ratio_low, $11 p_value, $12 q_value, $13 weight, $14 windows_in_burst, $15 reasons
INSERT INTO trend
     VALUES ($1::text, $2::text, $3::text, $4::integer, $5::integer, $6::integer, $7::float8, $8::float8,
             $9::float8, $10::float8, $11::float8, $12::float8, $13::float8, $14::integer, $15::text[]);
