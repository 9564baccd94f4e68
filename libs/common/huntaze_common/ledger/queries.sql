-- The job ledger and its outbox. Times are the database's: workers' clocks decide nothing.

-- name: claim
-- Take a job for this delivery. Returns no row if it is finished, held by a live lease, or was
-- claimed with another payload: then `find` tells which.
-- $1 job_id, $2 type, $3 schema_version, $4 user_id, $5 body bytea, $6 payload_sha bytea, $7 lease interval,
-- $8 owner, $9 message_id, $10 schedule_id, $11 traceparent, $12 enqueued_at
INSERT INTO job AS j (job_id, type, schema_version, user_id, body, payload_sha, state, lease_until, owner,
                      message_id, schedule_id, traceparent, enqueued_at, started_at, timeline)
     VALUES ($1::text, $2::text, $3::integer, $4::text, $5::bytea, $6::bytea, 'running',
             clock_timestamp() + $7::interval, $8::text, $9::text, $10::text, $11::text, $12::timestamptz,
             clock_timestamp(),
             jsonb_build_array(jsonb_build_object('at', clock_timestamp(), 'event', 'delivery', 'number', 1)))
ON CONFLICT (job_id) DO UPDATE
        SET state            = 'running',
            epoch            = j.epoch + 1,
            deliveries       = j.deliveries + 1,
            -- Found running although its lease ran out: its owner died without an answer.
            crashes          = CASE j.state WHEN 'running' THEN j.crashes + 1
                                            WHEN 'failed' THEN 0
                                            ELSE j.crashes END,
            -- The same as before, or this is the first claim of a job that was buried unseen.
            type             = EXCLUDED.type,
            schema_version   = EXCLUDED.schema_version,
            user_id          = EXCLUDED.user_id,
            body             = EXCLUDED.body,
            payload_sha      = EXCLUDED.payload_sha,
            lease_until      = EXCLUDED.lease_until,
            owner            = EXCLUDED.owner,
            message_id       = EXCLUDED.message_id,
            started_at       = EXCLUDED.started_at,
            finished_at      = NULL,
            error            = NULL,
            stage            = '',
            progress         = 0,
            -- Bounded here and below: a job that never ends must not grow without end.
            timeline         = CASE WHEN jsonb_array_length(j.timeline) >= 200 THEN j.timeline
                                    ELSE j.timeline || jsonb_build_object(
                                         'at', clock_timestamp(), 'event', 'delivery', 'number', j.deliveries + 1,
                                         'crashed', j.state = 'running') END
      WHERE (j.epoch = 0 OR (j.payload_sha = EXCLUDED.payload_sha AND j.type = EXCLUDED.type))
        AND (j.state IN ('queued', 'retry', 'failed')
             OR (j.state = 'running' AND j.lease_until < clock_timestamp()))
  RETURNING j.epoch, j.crashes, j.deliveries;

-- name: find
-- The state of a job, for a delivery that could not claim it.
-- $1 job_id
SELECT state, type, payload_sha, result, error,
       extract(epoch FROM lease_until - clock_timestamp())::float8 AS lease_left
  FROM job
 WHERE job_id = $1::text;

-- name: finish
-- Mark the job done, inside the transaction of its effects. No row: the claim was lost.
-- $1 job_id, $2 epoch, $3 result json
   UPDATE job
      SET state = 'succeeded', result = $3::json, progress = 100, finished_at = clock_timestamp(),
          lease_until = NULL, error = NULL
    WHERE job_id = $1::text AND epoch = $2::integer AND state = 'running'
RETURNING job_id;

-- name: release
-- Give the job back for the next delivery, which may come at once. Not a crash.
-- $1 job_id, $2 epoch, $3 error json
   UPDATE job
      SET state = 'retry', error = $3::json, lease_until = NULL,
          timeline = CASE WHEN jsonb_array_length(timeline) >= 200 THEN timeline
                          ELSE timeline || jsonb_build_object('at', clock_timestamp(), 'event', 'given back',
                                                              'code', $3::json ->> 'code') END
    WHERE job_id = $1::text AND epoch = $2::integer AND state = 'running'
RETURNING job_id;

-- name: fail
-- Record that the job can never succeed as it is.
-- $1 job_id, $2 epoch, $3 state ('failed' or 'cancelled'), $4 error json
   UPDATE job
      SET state = $3::text, error = $4::json, lease_until = NULL, finished_at = clock_timestamp()
    WHERE job_id = $1::text AND epoch = $2::integer AND state = 'running'
RETURNING job_id;

-- name: beat
-- Renew the lease of a running job. No row: the claim was lost.
-- $1 job_id, $2 epoch, $3 lease interval
   UPDATE job
      SET lease_until = clock_timestamp() + $3::interval
    WHERE job_id = $1::text AND epoch = $2::integer AND state = 'running'
RETURNING cancel_requested_at IS NOT NULL AS cancel_requested;

-- name: progress
-- $1 job_id, $2 epoch, $3 stage, $4 progress (percent)
UPDATE job
   SET stage = $3::text, progress = $4::real,
       timeline = CASE WHEN stage = $3::text OR jsonb_array_length(timeline) >= 200 THEN timeline
                       ELSE timeline || jsonb_build_object('at', clock_timestamp(), 'event', 'stage',
                                                           'stage', $3::text) END
 WHERE job_id = $1::text AND epoch = $2::integer AND state = 'running';

-- name: slot_of_message
-- The job that an earlier delivery of the same scheduled message made.
-- $1 message_id, $2 schedule_id
SELECT job_id
  FROM job
 WHERE message_id = $1::text AND schedule_id = $2::text;

-- name: show
-- $1 job_id
SELECT job_id, type, user_id, state, stage, progress, deliveries, crashes, result, error, dlq_id,
       enqueued_at, first_seen_at, started_at, finished_at, cancel_requested_at, message_id, schedule_id,
       traceparent
  FROM job
 WHERE job_id = $1::text;

-- name: list
-- Newest first, after a cursor.
-- $1 user_id or null for all, $2 state or null, $3 before first_seen_at or null, $4 before job_id, $5 limit,
-- $6 schedule_id or null, $7 first seen since or null, $8 first seen until or null
  SELECT job_id, type, user_id, state, stage, progress, deliveries, crashes, result, error, dlq_id,
         enqueued_at, first_seen_at, started_at, finished_at, cancel_requested_at, message_id, schedule_id,
         traceparent
    FROM job
   WHERE ($1::text IS NULL OR user_id = $1::text)
     AND ($2::text IS NULL OR state = $2::text)
     AND ($3::timestamptz IS NULL OR (first_seen_at, job_id) < ($3::timestamptz, $4::text))
     AND ($6::text IS NULL OR schedule_id = $6::text)
     AND ($7::timestamptz IS NULL OR first_seen_at >= $7::timestamptz)
     AND ($8::timestamptz IS NULL OR first_seen_at < $8::timestamptz)
ORDER BY first_seen_at DESC, job_id DESC
   LIMIT $5::integer;

-- name: list_unsettled
-- The same for a state that few jobs are in, from its own index: that of the newest would be read to its end.
-- $1 to $8 as for `list`; $2 is not 'succeeded'
  SELECT job_id, type, user_id, state, stage, progress, deliveries, crashes, result, error, dlq_id,
         enqueued_at, first_seen_at, started_at, finished_at, cancel_requested_at, message_id, schedule_id,
         traceparent
    FROM job
   WHERE ($1::text IS NULL OR user_id = $1::text)
     AND state = $2::text AND state <> 'succeeded'
     AND ($3::timestamptz IS NULL OR (first_seen_at, job_id) < ($3::timestamptz, $4::text))
     AND ($6::text IS NULL OR schedule_id = $6::text)
     AND ($7::timestamptz IS NULL OR first_seen_at >= $7::timestamptz)
     AND ($8::timestamptz IS NULL OR first_seen_at < $8::timestamptz)
ORDER BY first_seen_at DESC, job_id DESC
   LIMIT $5::integer;

-- name: search
-- The same for jobs that have a text in one of their names or in their error, among the newest 50,000.
-- $1 to $8 as for `list`, $9 text
  SELECT job_id, type, user_id, state, stage, progress, deliveries, crashes, result, error, dlq_id,
         enqueued_at, first_seen_at, started_at, finished_at, cancel_requested_at, message_id, schedule_id,
         traceparent
    FROM (SELECT * FROM job
           WHERE ($3::timestamptz IS NULL OR (first_seen_at, job_id) < ($3::timestamptz, $4::text))
             AND ($7::timestamptz IS NULL OR first_seen_at >= $7::timestamptz)
             AND ($8::timestamptz IS NULL OR first_seen_at < $8::timestamptz)
        ORDER BY first_seen_at DESC, job_id DESC
           LIMIT 50000) AS newest
   WHERE ($1::text IS NULL OR user_id = $1::text)
     AND ($2::text IS NULL OR state = $2::text)
     AND ($6::text IS NULL OR schedule_id = $6::text)
     AND strpos(lower(concat_ws(' ', job_id, user_id, message_id, schedule_id, traceparent, error)),
                lower($9::text)) > 0
ORDER BY first_seen_at DESC, job_id DESC
   LIMIT $5::integer;

-- name: history
-- What a job carried and what happened to it.
-- $1 job_id
SELECT body, timeline
  FROM job
 WHERE job_id = $1::text;

-- name: add_logs
-- Keep what a job logged beside what happened to it.
-- $1 job_id, $2 entries jsonb
UPDATE job
   SET timeline = timeline || $2::jsonb
 WHERE job_id = $1::text AND jsonb_array_length(timeline) < 200;

-- name: waiting
-- The jobs that are not done, by state.
  SELECT state, count(*) AS jobs,
         extract(epoch FROM clock_timestamp() - min(coalesce(started_at, first_seen_at)))::float8 AS oldest
    FROM job
   WHERE state <> 'succeeded' AND state IN ('queued', 'running', 'retry')
GROUP BY state;

-- name: finished
-- What was finished, in steps of time.
-- $1 since, $2 step interval
  SELECT date_bin($2::interval, finished_at, $1::timestamptz) AS at,
         count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
         count(*) FILTER (WHERE state = 'failed') AS failed,
         count(*) FILTER (WHERE state = 'cancelled') AS cancelled
    FROM job
   WHERE finished_at >= $1::timestamptz
GROUP BY 1
ORDER BY 1;

-- name: totals
-- All that was finished since an instant: how much, how long it ran, how long it waited.
-- $1 since
SELECT count(*) AS jobs,
       coalesce(sum(deliveries), 0)::bigint AS deliveries,
       coalesce(sum(extract(epoch FROM finished_at - started_at)), 0)::float8 AS busy_seconds,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)::float8) AS run_p50,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)::float8) AS run_p95,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM first_seen_at - enqueued_at)::float8) AS wait_p50,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM first_seen_at - enqueued_at)::float8) AS wait_p95
  FROM job
 WHERE finished_at >= $1::timestamptz;

-- name: cancel
-- Ask a running job to stop; a waiting one is cancelled at once.
-- $1 job_id
   UPDATE job
      SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp()),
          state = CASE WHEN state = 'running' THEN state ELSE 'cancelled' END,
          finished_at = CASE WHEN state = 'running' THEN finished_at ELSE clock_timestamp() END
    WHERE job_id = $1::text AND state IN ('queued', 'retry', 'running')
RETURNING state;

-- name: notify_cancel
-- $1 channel, $2 job_id
SELECT pg_notify($1::text, $2::text);

-- name: requeue
-- Let a failed or cancelled job run again, with its own body.
-- $1 job_id
   UPDATE job
      SET state = 'queued', crashes = 0, cancel_requested_at = NULL, finished_at = NULL, error = NULL,
          retries_by_hand = retries_by_hand + 1,
          timeline = CASE WHEN jsonb_array_length(timeline) >= 200 THEN timeline
                          ELSE timeline || jsonb_build_object('at', clock_timestamp(), 'event', 'retried by hand') END
    WHERE job_id = $1::text AND state IN ('failed', 'cancelled')
RETURNING type, body, retries_by_hand;

-- name: bury
-- QStash gave the message up: record it, unless the job went on or finished meanwhile. A job that was never
-- claimed gets a row with epoch 0, which binds the id to no payload: nothing has run yet.
-- $1 job_id, $2 type, $3 schema_version, $4 user_id, $5 body bytea, $6 payload_sha bytea, $7 message_id,
-- $8 schedule_id, $9 traceparent, $10 enqueued_at, $11 dlq_id, $12 error json
INSERT INTO job AS j (job_id, type, schema_version, user_id, body, payload_sha, state, epoch, deliveries,
                      message_id, schedule_id, traceparent, enqueued_at, dlq_id, error, finished_at)
     VALUES ($1::text, $2::text, $3::integer, $4::text, $5::bytea, $6::bytea, 'failed', 0, 0,
             $7::text, $8::text, $9::text, $10::timestamptz, $11::text, $12::json, clock_timestamp())
ON CONFLICT (job_id) DO UPDATE
        SET state = 'failed', dlq_id = EXCLUDED.dlq_id, error = coalesce(j.error, EXCLUDED.error),
            finished_at = coalesce(j.finished_at, EXCLUDED.finished_at), lease_until = NULL
      WHERE j.state IN ('queued', 'retry', 'failed')
         OR (j.state = 'running' AND j.lease_until < clock_timestamp())
  RETURNING j.job_id;

-- name: outbox_add
-- Queue a message in the transaction of the effects that cause it. The same dedup_id is queued once.
-- $1 dedup_id, $2 worker, $3 body bytea, $4 delay interval
INSERT INTO outbox (dedup_id, worker, body, not_before)
     VALUES ($1::text, $2::text, $3::bytea, clock_timestamp() + $4::interval)
ON CONFLICT (dedup_id) DO NOTHING;

-- name: outbox_take
-- Take some unsent messages for a while; another drainer skips them. The while is shorter than QStash's
-- first back-off (12 s): the redelivery of a job whose process died here finds its messages free again.
-- $1 limit
   UPDATE outbox
      SET lease_until = clock_timestamp() + interval '10 seconds', attempts = attempts + 1
    WHERE id IN (SELECT id
                   FROM outbox
                  WHERE sent_at IS NULL AND next_attempt_at <= clock_timestamp()
                    AND (lease_until IS NULL OR lease_until < clock_timestamp())
               ORDER BY id
                  LIMIT $1::integer
                    FOR UPDATE SKIP LOCKED)
RETURNING id, dedup_id, worker, body, attempts,
          greatest(0, extract(epoch FROM not_before - clock_timestamp()))::float8 AS delay;

-- name: outbox_sent
-- $1 id, $2 message_id
UPDATE outbox
   SET sent_at = clock_timestamp(), message_id = $2::text, lease_until = NULL, last_error = NULL
 WHERE id = $1::bigint;

-- name: outbox_failed
-- Try again after a doubling wait of at most five minutes.
-- $1 id, $2 error
UPDATE outbox
   SET lease_until = NULL, last_error = $2::text,
       next_attempt_at = clock_timestamp()
                         + least(interval '5 minutes', interval '1 second' * power(2, least(attempts, 10)))
 WHERE id = $1::bigint;

-- name: outbox_waiting
SELECT count(*) AS waiting,
       coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest
  FROM outbox
 WHERE sent_at IS NULL;

-- name: prune
-- Forget what no redelivery can ask for any more, a bounded number of rows.
-- $1 age interval, $2 limit
WITH old AS (
    SELECT job_id FROM job
     WHERE state IN ('succeeded', 'failed', 'cancelled') AND finished_at < clock_timestamp() - $1::interval
  ORDER BY finished_at
     LIMIT $2::integer
), sent AS (
    DELETE FROM outbox
     WHERE id IN (SELECT id FROM outbox
                   WHERE sent_at < clock_timestamp() - $1::interval ORDER BY id LIMIT $2::integer)
)
DELETE FROM job WHERE job_id IN (SELECT job_id FROM old);

-- name: finished_as
-- Whether this very claim finished the job.
-- $1 job_id, $2 epoch
SELECT result
  FROM job
 WHERE job_id = $1::text AND epoch = $2::integer AND state = 'succeeded';
