-- Retention: what policies name, how it is deleted, and the record of it.

-- name: policies
-- $1 policy id, or null for all enabled ones
SELECT id, keep_days, batch_rows, most_share
  FROM retention_policy
 WHERE CASE WHEN $1::text IS NULL THEN enabled ELSE id = $1::text END
 ORDER BY id;

-- name: counted_span
-- The days that are counted without a gap up to the newest one.
WITH run AS (
    SELECT day, day - (row_number() OVER (ORDER BY day))::integer AS number FROM counted_day
)
SELECT min(day) AS first_day, max(day) AS last_day
  FROM run WHERE number = (SELECT number FROM run ORDER BY day DESC LIMIT 1);

-- name: count_archived_messages
-- $1 cutoff, $2 sent since, $3 sent before
SELECT count(*) FILTER (WHERE sent_at >= $2::timestamptz AND sent_at < $3::timestamptz) AS deletable,
       count(*) AS old_enough
  FROM app_read.messages
 WHERE archived_at < $1::timestamptz AND NOT hold;

-- name: messages_on_hold
-- $1 cutoff
SELECT count(*) FROM app_read.messages WHERE archived_at < $1::timestamptz AND hold;

-- name: has_messages
-- Whether the table has at least so many rows; it is read no further.
-- $1 rows
SELECT count(*) >= $1::bigint FROM (SELECT FROM app_read.messages LIMIT $1::bigint) AS m;

-- name: delete_archived_messages
-- $1 cutoff, $2 sent since, $3 sent before, $4 to $6 the key before the first, $7 most
SELECT deleted, oldest, newest, objects, upto_at, upto_user, upto_id
  FROM app_read.delete_archived_messages($1::timestamptz, $2::timestamptz, $3::timestamptz,
                                         $4::timestamptz, $5::text, $6::text, $7::integer);

-- name: archived_message_partitions
-- $1 cutoff, $2 sent since, $3 sent before
SELECT partition FROM app_read.archived_message_partitions($1::timestamptz, $2::timestamptz, $3::timestamptz);

-- name: drop_message_partition
-- $1 partition, $2 cutoff, $3 sent since, $4 sent before
SELECT deleted, oldest, newest, objects
  FROM app_read.drop_message_partition($1::text, $2::timestamptz, $3::timestamptz, $4::timestamptz);

-- name: has_unsealed_days
-- Days of which messages are deleted must not be counted again. A civil day reaches into three of UTC.
-- $1 sent first, $2 sent last
SELECT EXISTS (
    SELECT FROM counted_day
     WHERE day BETWEEN ($1::timestamptz AT TIME ZONE 'UTC')::date - 1 AND ($2::timestamptz AT TIME ZONE 'UTC')::date + 1
       AND sealed_at IS NULL);

-- name: lock_sealing
-- Waits for the runs that count: each of them has seen all messages of its day, or sees that it is sealed.
SELECT pg_advisory_xact_lock(hashtextextended('huntaze_data.sealing', 0));

-- name: seal_days
-- $1 sent first, $2 sent last
UPDATE counted_day SET sealed_at = clock_timestamp()
 WHERE day BETWEEN ($1::timestamptz AT TIME ZONE 'UTC')::date - 1 AND ($2::timestamptz AT TIME ZONE 'UTC')::date + 1
   AND sealed_at IS NULL;

-- name: request_deletions
-- $1 keys of objects
INSERT INTO object_deletion (key) SELECT unnest($1::text[]);

-- name: count_finished_jobs
-- $1 cutoff
SELECT (SELECT count(*) FROM job WHERE finished_at < $1::timestamptz)
     + (SELECT count(*) FROM outbox WHERE sent_at < $1::timestamptz) AS matched,
       (SELECT count(*) FROM job) + (SELECT count(*) FROM outbox) AS total;

-- name: delete_finished_jobs
-- $1 cutoff, $2 most of each
WITH jobs AS (
    DELETE FROM job WHERE job_id IN (
        SELECT job_id FROM job WHERE finished_at < $1::timestamptz ORDER BY finished_at LIMIT $2::integer)
    RETURNING 1
), messages AS (
    DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE sent_at < $1::timestamptz ORDER BY sent_at LIMIT $2::integer)
    RETURNING 1
)
SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM messages);

-- name: count_exports
-- $1 cutoff
SELECT count(*) FILTER (WHERE made_at < $1::timestamptz) AS matched, count(*) AS total FROM data_export;

-- name: delete_exports
-- $1 cutoff, $2 most
WITH gone AS (
    DELETE FROM data_export WHERE job_id IN (
        SELECT job_id FROM data_export WHERE made_at < $1::timestamptz ORDER BY made_at LIMIT $2::integer)
    RETURNING key
), objects AS (
    INSERT INTO object_deletion (key) SELECT key FROM gone
)
SELECT count(*) FROM gone;

-- name: count_cleanup_runs
-- $1 cutoff
SELECT count(*) FILTER (WHERE ran_at < $1::timestamptz) AS matched, count(*) AS total FROM cleanup_run;

-- name: delete_cleanup_runs
-- $1 cutoff, $2 most
WITH gone AS (
    DELETE FROM cleanup_run WHERE (job_id, policy_id) IN (
        SELECT job_id, policy_id FROM cleanup_run WHERE ran_at < $1::timestamptz LIMIT $2::integer)
    RETURNING 1
)
SELECT count(*) FROM gone;

-- name: begin_cleanup
-- A second delivery goes on with the record of the first.
-- $1 job_id, $2 policy_id, $3 cutoff, $4 dry_run, $5 matched, $6 uncounted, $7 on_hold, $8 held_back
INSERT INTO cleanup_run AS r (job_id, policy_id, cutoff, dry_run, matched, deleted, uncounted, on_hold, held_back)
     VALUES ($1::text, $2::text, $3::timestamptz, $4::boolean, $5::bigint, 0, $6::bigint, $7::bigint, $8::text)
ON CONFLICT (job_id, policy_id) DO UPDATE
        SET matched = r.deleted + EXCLUDED.matched, uncounted = EXCLUDED.uncounted, on_hold = EXCLUDED.on_hold,
            held_back = EXCLUDED.held_back;

-- name: add_to_cleanup
-- $1 job_id, $2 policy_id, $3 deleted, $4 batches, $5 partitions
UPDATE cleanup_run
   SET deleted = deleted + $3::bigint, batches = batches + $4::bigint, partitions = partitions + $5::bigint
 WHERE job_id = $1::text AND policy_id = $2::text;

-- name: end_cleanup
-- $1 job_id, $2 policy_id, $3 complete
UPDATE cleanup_run SET complete = $3::boolean, finished_at = clock_timestamp()
 WHERE job_id = $1::text AND policy_id = $2::text
RETURNING matched, deleted, uncounted, on_hold, batches, partitions, held_back;

-- name: waiting_deletions
-- $1 most
SELECT id, key FROM object_deletion ORDER BY id LIMIT $1::integer;

-- name: end_deletions
-- $1 ids
DELETE FROM object_deletion WHERE id = ANY ($1::bigint[]);
