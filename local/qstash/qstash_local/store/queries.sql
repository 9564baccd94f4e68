-- name: insert_message
INSERT INTO message (id, state, created_at, not_before, due_at, slot, chain, url, host, path, topic, queue,
                     schedule_id, caller_ip, flow_key, labels, spec, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: insert_event
INSERT INTO event (seq, at, state, next_at, status, detail) VALUES (?, ?, ?, ?, ?, ?)

-- name: find_duplicate
SELECT message_id FROM dedup WHERE key = ? AND expires_at > ?

-- name: remember_duplicate
INSERT OR REPLACE INTO dedup (key, message_id, expires_at) VALUES (?, ?, ?)

-- name: message_by_id
SELECT * FROM message WHERE id = ?

-- name: due_messages
-- What may start now, oldest due first. ?1 now, ?2 how many.
SELECT m.seq, m.id, m.retried, m.created_at, m.flow_key, m.slot, m.spec, m.body
  FROM message m
 WHERE m.state = 'ready' AND m.due_at <= ?1
 ORDER BY m.due_at, m.seq
 LIMIT ?2

-- name: waiting_messages
SELECT m.seq, m.id, m.retried, m.created_at, m.flow_key, m.slot, m.spec, m.body
  FROM message m
 WHERE m.state = 'waiting' AND m.flow_key = ?1
 ORDER BY m.seq
 LIMIT ?2

-- name: keys_with_room
-- Keys that have waiters and may start some of them now. ?1 now
SELECT key FROM flow
 WHERE waiting > 0 AND paused = 0
   AND (parallelism IS NULL OR active < parallelism)
   AND (rate IS NULL OR window_count < rate OR ?1 NOT BETWEEN window_start AND window_start + period * 1000 - 1)
 ORDER BY key

-- name: set_state
UPDATE message SET state = ? WHERE seq = ?

-- name: next_due
SELECT min(due_at) FROM message WHERE state = 'ready'

-- name: pull_due
-- After the clock was set back: what was due before stays due.
UPDATE message SET due_at = ?2 WHERE state = 'ready' AND due_at > ?2 AND due_at <= ?1

-- name: revive_active
-- After a crash: what was at its destination is due again, with the same id.
UPDATE message SET state = 'ready' WHERE state = 'active'

-- name: finish
UPDATE message SET state = ?2, finished_at = ?3, slot = NULL, retried = ?4, dlq = ?5 WHERE seq = ?1

-- name: retry_at
UPDATE message SET state = 'ready', due_at = ?2, retried = ?3 WHERE seq = ?1

-- name: outcome_state
SELECT state, canceling, slot, chain, queue FROM message WHERE seq = ?

-- name: ask_to_cancel
UPDATE message SET canceling = 1 WHERE seq = ? AND canceling = 0

-- name: queue_by_name
SELECT * FROM queue WHERE name = ?

-- name: all_queues
SELECT * FROM queue ORDER BY name

-- name: create_queue
INSERT INTO queue (name, parallelism, paused, created_at, updated_at) VALUES (?, ?, ?, ?, ?)

-- name: update_queue
UPDATE queue SET parallelism = ?2, paused = ?3, updated_at = ?4 WHERE name = ?1

-- name: delete_queue
DELETE FROM queue WHERE name = ?

-- name: count_queues
SELECT count(*) FROM queue

-- name: queue_lag
SELECT count(*) FROM message WHERE queue = ? AND finished_at IS NULL

-- name: queue_turns_taken
SELECT count(DISTINCT chain) FROM message WHERE slot = ?

-- name: resume_turns
-- Messages that already hold a turn in a queue that was paused under them.
UPDATE message SET state = 'ready' WHERE slot = ? AND state = 'queued'

-- name: queue_heads
SELECT seq FROM message
 WHERE queue = ?1 AND finished_at IS NULL AND state = 'queued' AND slot IS NULL
 ORDER BY seq LIMIT ?2

-- name: take_turn
UPDATE message SET state = 'ready', slot = queue, chain = seq WHERE seq = ?

-- name: flow_by_key
SELECT * FROM flow WHERE key = ?

-- name: all_flows
SELECT * FROM flow WHERE instr(key, ?1) > 0 ORDER BY key LIMIT 1000

-- name: upsert_flow
INSERT INTO flow (key, parallelism, rate, period) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (key) DO UPDATE SET parallelism = ?2, rate = ?3, period = ?4

-- name: flow_window
UPDATE flow SET window_start = ?2, window_count = ?3 WHERE key = ?1

-- name: next_window
-- When the first full rate window with waiters is over.
SELECT min(window_start + period * 1000) FROM flow
 WHERE waiting > 0 AND paused = 0 AND rate IS NOT NULL AND window_count >= rate
   AND (parallelism IS NULL OR active < parallelism)

-- name: schedule_by_id
SELECT * FROM schedule WHERE id = ?

-- name: all_schedules
SELECT * FROM schedule ORDER BY created_at, id

-- name: count_schedules
SELECT count(*) FROM schedule

-- name: put_schedule
INSERT INTO schedule (id, created_at, cron, destination, next_at, spec, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (id) DO UPDATE SET cron = ?3, destination = ?4, next_at = ?5, spec = ?6, body = ?7, error = NULL

-- name: pause_schedule
UPDATE schedule SET paused = ?2 WHERE id = ?1

-- name: delete_schedule
DELETE FROM schedule WHERE id = ?

-- name: due_schedules
SELECT * FROM schedule WHERE next_at <= ? ORDER BY next_at, id LIMIT 100

-- name: skip_schedule
UPDATE schedule SET next_at = ?2 WHERE id = ?1

-- name: schedule_fired
UPDATE schedule SET next_at = ?2, last_at = ?3, last_messages = ?4, error = ?5 WHERE id = ?1

-- name: next_schedule
SELECT min(next_at) FROM schedule

-- name: group_by_name
SELECT * FROM url_group WHERE name = ?

-- name: all_groups
SELECT * FROM url_group ORDER BY created_at, name

-- name: count_groups
SELECT count(*) FROM url_group

-- name: put_group
INSERT INTO url_group (name, created_at, updated_at, header) VALUES (?1, ?2, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET updated_at = ?2

-- name: group_headers
UPDATE url_group SET header = ?2, updated_at = ?3 WHERE name = ?1

-- name: delete_group
DELETE FROM url_group WHERE name = ?

-- name: endpoints
SELECT id, name, url FROM endpoint WHERE group_name = ? ORDER BY id

-- name: add_endpoint
INSERT INTO endpoint (group_name, name, url) VALUES (?, ?, ?)

-- name: change_endpoint
UPDATE endpoint SET name = ?2, url = ?3 WHERE id = ?1

-- name: remove_endpoint
DELETE FROM endpoint WHERE id = ?

-- name: dlq_entry
SELECT m.*, e.at AS failed_at, e.status AS status, e.detail AS detail
  FROM message m JOIN event e ON e.id = m.dlq
 WHERE m.dlq = ?

-- name: leave_dlq
UPDATE message SET dlq = NULL WHERE seq = ?

-- name: signing_keys
SELECT current, next, started_from FROM signing_key

-- name: put_signing_keys
INSERT OR REPLACE INTO signing_key (only_one, current, next, started_from) VALUES (1, ?, ?, ?)

-- name: expired_messages
SELECT seq FROM message WHERE finished_at < ? AND dlq IS NULL LIMIT 500

-- name: expire_dlq
UPDATE message SET dlq = NULL WHERE dlq IS NOT NULL AND finished_at < ?

-- name: delete_message
DELETE FROM message WHERE seq = ?

-- name: delete_events
DELETE FROM event WHERE seq = ?

-- name: expire_duplicates
DELETE FROM dedup WHERE expires_at < ?

-- name: create_flow
INSERT INTO flow (key) VALUES (?1) ON CONFLICT (key) DO NOTHING

-- name: pin_parallelism
UPDATE flow SET parallelism = ?2, pinned_parallelism = 1 WHERE key = ?1

-- name: pin_rate
UPDATE flow SET rate = coalesce(?2, rate), period = coalesce(?3, period), pinned_rate = 1,
                window_start = ?4, window_count = 0
 WHERE key = ?1

-- name: unpin_flow
UPDATE flow SET pinned_parallelism = pinned_parallelism AND NOT ?2, pinned_rate = pinned_rate AND NOT ?3
 WHERE key = ?1

-- name: pause_flow
UPDATE flow SET paused = ?2 WHERE key = ?1

-- name: messages_today
SELECT messages FROM usage WHERE day = ?

-- name: count_message
INSERT INTO usage (day, messages) VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET messages = messages + ?2
