-- The alerts service: evaluation, notifications, and what its API shows.

-- name: lock_evaluation
-- One tick, or one change of alerts by hand, at a time; held until the transaction ends.
-- $1 lock number
SELECT pg_advisory_xact_lock($1::bigint);

-- name: due_rules
-- The rules that a slot has to evaluate, by the way in which they are read, and the last slot before it.
-- A rule is due when its own clock of `every` seconds struck since the last slot: nothing has to be stored.
-- $1 slot
WITH last AS (
    SELECT (SELECT max(slot) FROM evaluation) AS slot, EXISTS (SELECT FROM rule WHERE error IS NOT NULL) AS errors,
           floor(extract(epoch FROM $1::timestamptz))::bigint AS clock,
           EXISTS (SELECT FROM notification WHERE outgoing AND delivery_id IS NULL AND dropped IS NULL
                                              AND due_at <= $1)
           OR EXISTS (SELECT FROM delivery WHERE status = 'waiting' AND next_attempt_at <= $1) AS letters
)
   SELECT last.slot AS last, last.letters, last.errors, r.source, r.aggregation = 'percentile' AS sized,
          coalesce(array_agg(r.no) FILTER (WHERE r.no IS NOT NULL), '{}') AS rules
     FROM last
LEFT JOIN rule AS r
       ON r.enabled AND r.deleted_at IS NULL
      AND (last.slot IS NULL
           OR last.clock / r.every > floor(extract(epoch FROM last.slot))::bigint / r.every)
 GROUP BY 1, 2, 3, 4, 5;

-- name: find_evaluation
-- $1 slot
SELECT rules, rules_failed, fired, resolved, notifications
  FROM evaluation
 WHERE slot = $1::timestamptz;

-- name: save_evaluation
-- $1 slot, $2 pause interval, $3 rules, $4 rules_failed, $5 fired, $6 resolved, $7 notifications, $8 seconds
INSERT INTO evaluation (slot, pause, rules, rules_failed, fired, resolved, notifications, seconds)
     VALUES ($1::timestamptz, $2::interval, $3::integer, $4::integer, $5::integer, $6::integer, $7::integer,
             $8::float8);

-- name: readings
-- Fragment: the due rules, and what has to be read for them. Rules with the same query share a reading: a hundred
-- limits on one metric cost one look at it. Readings are numbered, as the rest joins on them.
-- $1 slot, $2 rule numbers
wish AS MATERIALIZED (
    SELECT no, dense_rank() OVER (ORDER BY reading) AS reading, metric, coalesce(subject, '') AS whose, span, baseline,
           delay, wanted, part, quantile, by_subject OR subject IS NOT NULL AS by_subject, by_labels,
           NOT by_subject AND by_labels = '{}' AS whole, aggregation, direction, thresholds[1] AS threshold,
           min_samples, no_data, created_at
      FROM rule
     WHERE no = ANY ($2::bigint[])
), asked AS MATERIALIZED (
    SELECT DISTINCT ON (reading) reading, metric, whose, wanted, part, by_subject, by_labels,
           $1::timestamptz - delay - span - baseline AS first, $1 - delay - span AS begins, $1 - delay AS ends
      FROM wish
)

-- name: series_of_points
-- Fragment: sums per series, each looked up by its key.
-- $1 slot, $2 rule numbers
chosen AS (
    SELECT q.reading, q.first, q.begins, q.ends, s.id, s.subject, s.labels
      FROM asked AS q
     CROSS JOIN LATERAL (SELECT id, subject, labels FROM series
                          WHERE metric = q.metric AND subject = q.whose OFFSET 0) AS s
     WHERE q.whose <> ''
 UNION ALL
    SELECT q.reading, q.first, q.begins, q.ends, s.id, s.subject, s.labels
      FROM asked AS q
      JOIN series AS s ON s.metric = q.metric
     WHERE q.whose = ''
), per_series AS MATERIALIZED (
    SELECT c.reading, c.subject, c.labels, p.*, b.*
      FROM chosen AS c
     CROSS JOIN LATERAL (
           SELECT sum(n) AS n, sum(total) AS total, min(low) AS low, max(high) AS high, max(at) AS last_at
             FROM point
            WHERE series_id = c.id AND at >= c.begins AND at < c.ends) AS p
     CROSS JOIN LATERAL (
           SELECT sum(n) AS n_before, sum(total) AS total_before
             FROM point
            WHERE c.first < c.begins AND series_id = c.id AND at >= c.first AND at < c.begins) AS b
     WHERE p.n > 0 OR b.n_before > 0
)

-- name: series_of_jobs
-- Fragment: the outcomes of all workers' jobs as series: `job.finished` counts them, `job.seconds` is how long
-- they took. Labels: worker, state, error, and schedule where a schedule made the job.
-- $1 slot, $2 rule numbers
per_series AS MATERIALIZED (
    SELECT q.reading, '' AS subject,
           jsonb_strip_nulls(jsonb_build_object(
               'worker', j.worker, 'state', j.state, 'error', j.error_code,
               'schedule', substring(j.job_id FROM '^(.+)\.\d{8}T\d{4}Z$'))) AS labels,
           count(*) FILTER (WHERE j.finished_at >= q.begins)::float8 AS n,
           sum(v.value) FILTER (WHERE j.finished_at >= q.begins) AS total,
           min(v.value) FILTER (WHERE j.finished_at >= q.begins) AS low,
           max(v.value) FILTER (WHERE j.finished_at >= q.begins) AS high,
           max(j.finished_at) FILTER (WHERE j.finished_at >= q.begins) AS last_at,
           count(*) FILTER (WHERE j.finished_at < q.begins)::float8 AS n_before,
           sum(v.value) FILTER (WHERE j.finished_at < q.begins) AS total_before
      FROM asked AS q
      JOIN ops_read.job_outcomes AS j
        ON j.finished_at >= q.first AND j.finished_at < q.ends
     CROSS JOIN LATERAL (SELECT CASE q.metric WHEN 'job.finished' THEN 1.0::float8
                                              WHEN 'job.seconds' THEN j.seconds END AS value) AS v
     WHERE v.value IS NOT NULL
  GROUP BY q.reading, q.begins, 3
)

-- name: series_of_snapshots
-- Fragment: the daily analytics of the users' accounts. Labels: platform.
-- A day's figures count from the day's begin (UTC).
-- $1 slot, $2 rule numbers
per_series AS MATERIALIZED (
    SELECT q.reading, s.user_id AS subject,
           jsonb_build_object('platform', s.platform) AS labels,
           count(*) FILTER (WHERE d.at >= q.begins)::float8 AS n,
           sum(v.value) FILTER (WHERE d.at >= q.begins) AS total,
           min(v.value) FILTER (WHERE d.at >= q.begins) AS low,
           max(v.value) FILTER (WHERE d.at >= q.begins) AS high,
           max(d.at) FILTER (WHERE d.at >= q.begins) AS last_at,
           count(*) FILTER (WHERE d.at < q.begins)::float8 AS n_before,
           sum(v.value) FILTER (WHERE d.at < q.begins) AS total_before
      FROM asked AS q
      JOIN app_read.analytics_snapshots AS s
        ON (q.whose = '' OR s.user_id = q.whose)
       AND s.snapshot_date >= (q.first)::date
     CROSS JOIN LATERAL (SELECT s.snapshot_date::timestamp AT TIME ZONE 'UTC' AS at) AS d
     CROSS JOIN LATERAL (SELECT CASE q.metric WHEN 'snapshot.followers' THEN s.followers
                                              WHEN 'snapshot.engagement' THEN s.engagement
                                              WHEN 'snapshot.posts' THEN s.posts
                                              WHEN 'snapshot.reach' THEN s.reach
                                              WHEN 'snapshot.impressions' THEN s.impressions
                                END::float8 AS value) AS v
     WHERE v.value IS NOT NULL
       AND d.at >= q.first AND d.at < q.ends
  GROUP BY q.reading, q.begins, s.user_id, s.platform
)

-- name: series_of_usage
-- Fragment: what outside services did and cost.
-- $1 slot, $2 rule numbers
per_series AS MATERIALIZED (
    SELECT q.reading, '' AS subject, u.labels,
           count(*) FILTER (WHERE u.at >= q.begins)::float8 AS n,
           sum(u.value) FILTER (WHERE u.at >= q.begins) AS total,
           min(u.value) FILTER (WHERE u.at >= q.begins) AS low,
           max(u.value) FILTER (WHERE u.at >= q.begins) AS high,
           max(u.at) FILTER (WHERE u.at >= q.begins) AS last_at,
           count(*) FILTER (WHERE u.at < q.begins)::float8 AS n_before,
           sum(u.value) FILTER (WHERE u.at < q.begins) AS total_before
      FROM asked AS q
      JOIN ops_read.usage AS u ON u.metric = q.metric AND u.at >= q.first AND u.at < q.ends
  GROUP BY q.reading, q.begins, u.labels
)

-- name: aggregate_series
-- Fragment: from series to one value per instance of each rule.
grouped AS MATERIALIZED (
    SELECT f.reading, CASE WHEN f.by_subject THEN p.subject ELSE '' END AS subject,
           CASE WHEN f.by_labels = '{}' THEN '{}'::jsonb
                ELSE coalesce((SELECT jsonb_object_agg(name, p.labels -> name)
                                 FROM unnest(f.by_labels) AS name WHERE p.labels ? name), '{}')
           END AS labels,
           sum(p.n) AS n, sum(p.total) AS total, min(p.low) AS low, max(p.high) AS high, max(p.last_at) AS last_at,
           sum(p.total) FILTER (WHERE p.labels @> f.part) AS part_total, sum(p.n_before) AS n_before,
           sum(p.total_before) AS total_before
      FROM asked AS f
      JOIN per_series AS p ON p.reading = f.reading
     WHERE p.labels @> f.wanted
  GROUP BY 1, 2, 3
), observation AS NOT MATERIALIZED (
    -- Here and below with the columns of `wish`, so that a million instances are not joined to it again.
    SELECT w.*, s.subject, s.labels,
           CASE w.aggregation
                WHEN 'sum' THEN s.total
                WHEN 'count' THEN s.n
                WHEN 'avg' THEN s.total / nullif(s.n, 0)
                WHEN 'min' THEN s.low
                WHEN 'max' THEN s.high
                WHEN 'rate' THEN s.total / extract(epoch FROM w.span)::float8
                WHEN 'ratio' THEN coalesce(s.part_total, 0) / nullif(s.total, 0)
                WHEN 'change' THEN 100 * (s.total / nullif(s.n, 0)
                                          / nullif(s.total_before / nullif(s.n_before, 0), 0) - 1)
                WHEN 'age' THEN extract(epoch FROM $1::timestamptz - s.last_at)::float8
           END AS value,
           CASE w.aggregation WHEN 'ratio' THEN s.total WHEN 'age' THEN 'infinity' ELSE s.n END AS samples
      FROM wish AS w
      JOIN grouped AS s ON s.reading = w.reading
)

-- name: percentiles_of_points
-- Fragment: percentiles over size classes; exact to the 10 percent of a class.
-- $1 slot, $2 rule numbers
classes AS (
    SELECT r.no, CASE WHEN r.by_subject THEN s.subject ELSE '' END AS subject,
           CASE WHEN r.by_labels = '{}' THEN '{}'::jsonb
                ELSE coalesce((SELECT jsonb_object_agg(name, s.labels -> name)
                                 FROM unnest(r.by_labels) AS name WHERE s.labels ? name), '{}')
           END AS labels,
           r.quantile, p.size, sum(p.n) AS n, max(p.high) AS high
      FROM wish AS r
      JOIN series AS s ON s.metric = r.metric AND s.labels @> r.wanted
                      AND (r.whose = '' OR s.subject = r.whose)
      JOIN point AS p ON p.series_id = s.id
                     AND p.at >= $1::timestamptz - r.delay - r.span AND p.at < $1 - r.delay
  GROUP BY r.no, 2, 3, r.quantile, p.size
), ranked AS (
    SELECT *, sum(n) OVER (PARTITION BY no, subject, labels ORDER BY size) AS up_to,
           sum(n) OVER (PARTITION BY no, subject, labels) AS of_all
      FROM classes
), observation AS (
    SELECT w.*, f.subject, f.labels, f.value, f.samples
      FROM (SELECT no, subject, labels, min(high) FILTER (WHERE up_to >= quantile * of_all) AS value,
                   max(of_all) AS samples
              FROM ranked
          GROUP BY no, subject, labels) AS f
      JOIN wish AS w USING (no)
)

-- name: percentiles_of_jobs
-- Fragment: exact percentiles of how long jobs took.
-- $1 slot, $2 rule numbers
observation AS (
    SELECT w.*, '' AS subject, f.labels, f.value, f.samples
      FROM wish AS w
     CROSS JOIN LATERAL (
           SELECT g.labels, (percentile_disc(ARRAY[w.quantile]) WITHIN GROUP (ORDER BY j.seconds))[1] AS value,
                  count(*)::float8 AS samples
             FROM ops_read.job_outcomes AS j
            CROSS JOIN LATERAL (SELECT jsonb_strip_nulls(jsonb_build_object(
                      'worker', j.worker, 'state', j.state, 'error', j.error_code,
                      'schedule', substring(j.job_id FROM '^(.+)\.\d{8}T\d{4}Z$'))) AS labels) AS l
            CROSS JOIN LATERAL (SELECT coalesce((SELECT jsonb_object_agg(name, l.labels -> name)
                                                   FROM unnest(w.by_labels) AS name WHERE l.labels ? name), '{}')
                                       AS labels) AS g
            WHERE j.finished_at >= $1::timestamptz - w.delay - w.span AND j.finished_at < $1 - w.delay
              AND l.labels @> w.wanted
         GROUP BY g.labels) AS f
     WHERE w.metric = 'job.seconds'
)

-- name: observed_value
-- Fragment: the value of one instance.
-- $3 subject, $4 labels
SELECT value FROM observation WHERE subject = $3::text AND labels = $4::jsonb

-- name: transition
-- Fragment: the state machine, the log and the outbox, for all instances at once.
--
--     state        breach              between     clear                     keep
--     (none)       pending or firing   -           -                         -
--     pending      firing after hold   resolved    resolved                  pending
--     firing       firing              firing      recovering or resolved    firing
--     recovering   firing              firing      resolved after keepFiring recovering
--
-- Only what changes is written. `since` and all that is compared with it are slots, never a machine's clock.
-- After a pause of more than three usual ones nobody knows that a condition held: `hold` begins anew.
-- $1 slot, $2 rule numbers, $3 now, $4 pause since the slot before, $5 usual pause
live AS (
    SELECT * FROM alert WHERE state <> 'resolved' AND rule_no = ANY ($2::bigint[])
), complete AS (
    SELECT no, subject, labels, value, samples, direction, threshold, min_samples, no_data FROM observation
 UNION ALL
    SELECT no, whose, '{}',
           CASE aggregation
                WHEN 'age' THEN extract(epoch FROM least(span, $1::timestamptz - created_at))::float8 END,
           CASE aggregation WHEN 'age' THEN 'infinity'::float8 ELSE 0 END,
           direction, threshold, min_samples, no_data
      FROM wish
     WHERE (aggregation = 'age' OR no_data = 'alert') AND whole
       AND NOT EXISTS (SELECT FROM observation AS o WHERE o.no = wish.no AND o.whole)
), loud AS (
    -- Of a million quiet instances none has to be looked at any further.
    SELECT no AS rule_no, subject, labels, value, samples
      FROM complete
     WHERE direction * value >= threshold
        OR ((value IS NULL OR samples < min_samples) AND no_data = 'alert')
        OR (no, subject, labels) IN (SELECT rule_no, subject, labels FROM live)
), met AS (
    SELECT rule_no, subject, labels, o.value AS measured, o.samples,
           a.id AS alert_id, a.state, a.since, a.severity, a.fired_at, a.missing_since, a.flapping,
           a.notified_at, a.reminders, a.sequence, a.escalated_at, a.acknowledged_at
      FROM loud AS o
      FULL JOIN live AS a USING (rule_no, subject, labels)
), judged AS (
    SELECT m.*, v.value, l.level, r.id AS rule_id, r.subject AS rule_subject, r.version,
           r.no_data, r.missing, r.direction, r.clear, r.hold, r.severities, r.repeat, r.repeat_max,
           r.flap_changes, r.flap_span, r.escalates, r.escalate_after, r.channels, r.depends_on,
           CASE WHEN m.flapping THEN greatest(r.keep_firing, r.flap_span) ELSE r.keep_firing END AS stay,
           coalesce(m.state = 'pending' AND $4::interval > 3 * greatest(make_interval(secs => r.every), $5::interval),
                    false) AS anew
      FROM met AS m
     -- One by one: few instances are loud, however many rules there are.
     CROSS JOIN LATERAL (SELECT * FROM rule WHERE no = m.rule_no OFFSET 0) AS r
     CROSS JOIN LATERAL (SELECT CASE WHEN m.samples >= r.min_samples THEN m.measured END AS value) AS v
     CROSS JOIN LATERAL (SELECT width_bucket(r.direction * v.value, r.thresholds)
                                - (r.strict AND r.direction * v.value = ANY (r.thresholds))::integer AS level) AS l
     WHERE m.alert_id IS NOT NULL
        OR ((l.level > 0 OR (v.value IS NULL AND r.no_data = 'alert'))
            AND NOT (r.subject IS NULL AND m.subject <> ''
                     AND EXISTS (SELECT FROM rule AS own
                                  WHERE own.replaces = r.id AND own.subject = m.subject
                                    AND own.deleted_at IS NULL)))
), signalled AS (
    SELECT *,
           CASE WHEN value IS NULL AND no_data = 'alert' THEN 'breach'
                WHEN value IS NULL AND no_data = 'ok'
                     AND (state = 'pending' OR $1 - coalesce(missing_since, $1) >= missing) THEN 'clear'
                WHEN value IS NULL THEN 'keep'
                WHEN level > 0 THEN 'breach'
                WHEN direction * value > clear THEN 'between'
                ELSE 'clear'
           END AS signal
      FROM judged
), moved AS (
    SELECT *,
           CASE coalesce(state, 'ok')
                WHEN 'ok' THEN CASE WHEN hold = interval '0' THEN 'firing' ELSE 'pending' END
                WHEN 'pending' THEN
                     CASE signal WHEN 'breach' THEN CASE WHEN $1 - since >= hold AND NOT anew
                                                         THEN 'firing' ELSE 'pending' END
                                 WHEN 'keep' THEN 'pending'
                                 ELSE 'resolved' END
                WHEN 'firing' THEN
                     CASE WHEN signal <> 'clear' THEN 'firing'
                          WHEN stay = interval '0' THEN 'resolved'
                          ELSE 'recovering' END
                WHEN 'recovering' THEN
                     CASE WHEN signal = 'keep' THEN 'recovering'
                          WHEN signal <> 'clear' THEN 'firing'
                          WHEN $1 - since >= stay THEN 'resolved'
                          ELSE 'recovering' END
           END AS next,
           CASE WHEN level > 0 THEN severities[level] ELSE coalesce(severity, severities[1]) END AS severe
      FROM signalled
), noticed AS (
    SELECT m.*, f.flaps,
           CASE WHEN m.next = 'resolved' AND m.fired_at IS NOT NULL THEN 'resolved'
                WHEN m.next <> 'firing' OR q.quiet THEN NULL
                WHEN m.notified_at IS NULL AND f.flaps THEN 'flapping'
                WHEN m.notified_at IS NULL THEN 'firing'
                WHEN m.severe > m.severity THEN 'worse'
                WHEN m.acknowledged_at IS NOT NULL THEN NULL
                WHEN m.severe >= m.escalates AND m.escalated_at IS NULL AND $1 - m.fired_at >= m.escalate_after
                     THEN 'escalation'
                WHEN $1 - m.notified_at >= least(m.repeat * power(2, least(m.reminders, 20)), m.repeat_max)
                     THEN 'reminder'
           END AS notice
      FROM moved AS m
     CROSS JOIN LATERAL (
           SELECT CASE WHEN m.next <> 'firing' OR m.fired_at IS NOT NULL THEN coalesce(m.flapping, false)
                       ELSE m.flap_changes <= (SELECT count(*)
                                                 FROM alert AS past
                                                WHERE past.rule_no = m.rule_no AND past.subject = m.subject
                                                  AND past.labels = m.labels
                                                  AND past.fired_at > $1 - m.flap_span)
                  END AS flaps
           OFFSET 0) AS f
     CROSS JOIN LATERAL (
           SELECT CASE WHEN m.next <> 'firing' THEN false ELSE
                  EXISTS (SELECT FROM silence AS s
                           WHERE s.starts_at <= $1 AND s.ends_at > $1
                             AND (s.owner IS NULL OR s.owner = m.rule_subject OR s.owner = m.subject)
                             AND (s.rule_id IS NULL OR s.rule_id = m.rule_id)
                             AND (s.subject IS NULL OR s.subject = m.subject)
                             AND m.labels @> s.labels)
                  OR (m.depends_on IS NOT NULL
                      AND EXISTS (SELECT FROM alert AS cause
                                    JOIN rule AS root ON root.no = cause.rule_no
                                   WHERE root.id = m.depends_on AND cause.state IN ('firing', 'recovering')
                                     AND cause.subject IN ('', m.subject)))
                  END AS quiet
           OFFSET 0) AS q
), kept AS MATERIALIZED (
    SELECT *, next = 'firing' AND fired_at IS NULL AS fires, (notice IS NOT NULL)::integer AS tells,
           coalesce(alert_id, nextval(pg_get_serial_sequence('alert', 'id'))) AS id
      FROM noticed
     WHERE next IS DISTINCT FROM state OR notice IS NOT NULL OR severe <> severity
        OR (value IS NULL) <> (missing_since IS NOT NULL)
        OR (anew AND next = 'pending')
), created AS (
    INSERT INTO alert (id, rule_no, rule_version, subject, labels, state, since, severity, value, started_at,
                       fired_at, missing_since, flapping, notified_at, sequence)
         OVERRIDING SYSTEM VALUE
         SELECT id, rule_no, version, subject, labels, next, $1, severe, value, $1, CASE WHEN fires THEN $1 END,
                CASE WHEN value IS NULL THEN $1 END, flaps, CASE WHEN tells = 1 THEN $1 END, tells
           FROM kept
          WHERE alert_id IS NULL
), changed AS (
    UPDATE alert AS a
       SET state = d.next,
           since = CASE WHEN d.next <> d.state OR d.anew THEN $1 ELSE a.since END,
           severity = d.severe,
           -- The one that it fires with; what it was when it was over is in the log.
           value = CASE WHEN d.next = 'resolved' THEN a.value ELSE coalesce(d.value, a.value) END,
           fired_at = CASE WHEN d.fires THEN $1 ELSE a.fired_at END,
           resolved_at = CASE WHEN d.next = 'resolved' THEN $1 END,
           reason = CASE WHEN d.next <> 'resolved' THEN NULL
                         WHEN d.value IS NULL THEN 'no_data' ELSE 'recovered' END,
           missing_since = CASE WHEN d.value IS NULL THEN coalesce(a.missing_since, $1) END,
           flapping = d.flaps,
           notified_at = CASE WHEN d.tells = 1 THEN $1 ELSE a.notified_at END,
           reminders = a.reminders + (d.notice IS NOT DISTINCT FROM 'reminder')::integer,
           sequence = a.sequence + d.tells,
           escalated_at = CASE WHEN d.notice = 'escalation' THEN $1 ELSE a.escalated_at END
      FROM kept AS d
     WHERE a.id = d.alert_id
), logged AS (
    INSERT INTO alert_event (alert_id, at, kind, value)
         SELECT id, $1, CASE WHEN next IS DISTINCT FROM state THEN next
                             WHEN notice IS NOT NULL THEN notice
                             WHEN severe <> severity THEN 'severity'
                             WHEN anew THEN 'anew'
                             WHEN value IS NULL THEN 'missing'
                             ELSE 'seen again' END, value
           FROM kept
), dropped AS (
    UPDATE notification AS n
       SET dropped = 'resolved before it was sent'
     WHERE n.id IN (SELECT waiting.id
                      FROM kept AS k
                     CROSS JOIN LATERAL (SELECT id FROM notification
                                          WHERE alert_id = k.id AND outgoing AND delivery_id IS NULL
                                            AND dropped IS NULL
                                         OFFSET 0) AS waiting
                     WHERE k.next = 'resolved')
       AND n.delivery_id IS NULL
 RETURNING n.id
), addressed AS (
    -- Who was told that it began is told that it is over, whatever was silenced meanwhile.
    SELECT k.id, k.severe, k.value, k.sequence, n.channel_id, n.recipient, 'resolved' AS kind
      FROM kept AS k
     CROSS JOIN LATERAL (SELECT id, channel_id, recipient FROM notification
                          WHERE alert_id = k.id AND dropped IS NULL OFFSET 0) AS n
     WHERE k.notice = 'resolved' AND n.id NOT IN (SELECT id FROM dropped)
 UNION
    SELECT k.id, k.severe, k.value, k.sequence, c.id, CASE WHEN c.kind = 'in_app' THEN k.subject ELSE '' END, k.notice
      FROM (SELECT *, unnest(CASE WHEN notice = 'escalation'
                                  THEN coalesce((SELECT nullif(text_array(definition #> '{escalation,channels}'), '{}')
                                                   FROM rule WHERE no = rule_no), channels)
                                  ELSE channels END) AS channel_id
              FROM kept
             WHERE notice <> 'resolved') AS k
      JOIN channel AS c ON c.id = k.channel_id AND (c.owner IS NULL OR c.owner = k.rule_subject)
     WHERE c.enabled AND c.min_severity <= k.severe
 UNION
    SELECT k.id, k.severe, k.value, k.sequence, c.id, '', k.notice
      FROM kept AS k
      JOIN channel AS c ON c.owner = k.subject
     WHERE k.notice <> 'resolved' AND '@subject' = ANY (k.channels) AND c.enabled AND c.min_severity <= k.severe
), queued AS (
    INSERT INTO notification (dedup_key, alert_id, channel_id, recipient, kind, severity, value, due_at, created_at,
                              outgoing)
         SELECT concat_ws('/', t.id, t.channel_id, t.kind, coalesce(t.sequence, 0) + 1), t.id, t.channel_id,
                t.recipient, t.kind, t.severe, t.value,
                CASE WHEN t.severe >= 4 THEN $3::timestamptz
                     ELSE after_quiet_hours(
                          CASE WHEN c.digest = 0 THEN $3
                               ELSE to_timestamp(ceil(extract(epoch FROM $3) / (60 * c.digest)) * 60 * c.digest)
                          END, c.quiet_from, c.quiet_until, c.time_zone) END,
                $3, c.kind <> 'in_app'
           FROM addressed AS t
           JOIN channel AS c ON c.id = t.channel_id
    ON CONFLICT (dedup_key) DO NOTHING
      RETURNING outgoing
)
SELECT (SELECT count(*) FROM kept WHERE fires) AS fired,
       (SELECT count(*) FROM kept WHERE next = 'resolved' AND fired_at IS NOT NULL) AS resolved,
       (SELECT count(*) FROM queued) AS notifications;

-- name: close_orphans
-- End the alerts of rules that were switched off, deleted or changed, and tell whoever was told.
-- $1 slot, $2 now
WITH gone AS (
    UPDATE alert AS a
       SET state = 'resolved', resolved_at = $1::timestamptz, since = $1, sequence = a.sequence + 1,
           reason = CASE WHEN r.enabled AND r.deleted_at IS NULL THEN 'rule_changed' ELSE 'rule_removed' END
      FROM rule AS r
     WHERE a.state <> 'resolved' AND r.no = a.rule_no
       AND (NOT r.enabled OR r.deleted_at IS NOT NULL OR r.version <> a.rule_version)
 RETURNING a.id, a.fired_at, a.severity, a.value, a.sequence, a.reason
), logged AS (
    INSERT INTO alert_event (alert_id, at, kind, value, note)
         SELECT id, $1, 'resolved', value, reason FROM gone
), dropped AS (
    UPDATE notification AS n
       SET dropped = 'resolved before it was sent'
      FROM gone
     WHERE n.alert_id = gone.id AND n.outgoing AND n.delivery_id IS NULL AND n.dropped IS NULL
 RETURNING n.id
), queued AS (
    INSERT INTO notification (dedup_key, alert_id, channel_id, recipient, kind, severity, value, due_at, created_at,
                              outgoing)
         SELECT DISTINCT concat_ws('/', gone.id, n.channel_id, 'resolved', gone.sequence), gone.id, n.channel_id,
                n.recipient, 'resolved', gone.severity, gone.value, $2::timestamptz, $2, n.outgoing
           FROM gone
           JOIN notification AS n ON n.alert_id = gone.id
          WHERE gone.fired_at IS NOT NULL AND n.dropped IS NULL
            AND NOT EXISTS (SELECT FROM dropped WHERE dropped.id = n.id)
    ON CONFLICT (dedup_key) DO NOTHING
      RETURNING id
)
SELECT (SELECT count(*) FROM gone WHERE fired_at IS NOT NULL) AS resolved,
       (SELECT count(*) FROM queued) AS notifications;

-- name: mark_rules_failed
-- $1 rule numbers, $2 error, $3 slot
UPDATE rule
   SET error = $2::text, error_since = coalesce(error_since, $3::timestamptz)
 WHERE no = ANY ($1::bigint[]) AND error IS DISTINCT FROM $2;

-- name: mark_rules_well
-- $1 rule numbers
UPDATE rule
   SET error = NULL, error_since = NULL
 WHERE error IS NOT NULL AND no = ANY ($1::bigint[]);

-- name: save_points
-- Add samples to their minutes. Parallel arrays: $1 metric, $2 subject, $3 labels as JSON text, $4 minute,
-- $5 size class, $6 n, $7 total, $8 low, $9 high
WITH sample AS (
    SELECT metric, subject, labels::jsonb AS labels, at, size, sum(n) AS n, sum(total) AS total, min(low) AS low,
           max(high) AS high
      FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::smallint[], $6::float8[],
                  $7::float8[], $8::float8[], $9::float8[])
        AS s (metric, subject, labels, at, size, n, total, low, high)
  GROUP BY 1, 2, 3, 4, 5
), made AS (
    INSERT INTO series (metric, subject, labels)
         SELECT DISTINCT s.metric, s.subject, s.labels
           FROM sample AS s
          WHERE NOT EXISTS (SELECT FROM series AS k
                             WHERE k.metric = s.metric AND k.subject = s.subject AND k.labels = s.labels)
       ORDER BY 1, 2, 3
    ON CONFLICT (metric, subject, labels) DO UPDATE SET metric = EXCLUDED.metric
      RETURNING id, metric, subject, labels
), known AS (
    SELECT id, metric, subject, labels FROM made
 UNION
    SELECT k.id, k.metric, k.subject, k.labels
      FROM series AS k
      JOIN sample AS s ON s.metric = k.metric AND s.subject = k.subject AND s.labels = k.labels
)
INSERT INTO point AS p (series_id, at, size, n, total, low, high)
     SELECT k.id, s.at, s.size, s.n, s.total, s.low, s.high
       FROM sample AS s
       JOIN known AS k ON k.metric = s.metric AND k.subject = s.subject AND k.labels = s.labels
   ORDER BY 1, 2, 3
ON CONFLICT (series_id, at, size) DO UPDATE
        SET n = p.n + EXCLUDED.n, total = p.total + EXCLUDED.total, low = least(p.low, EXCLUDED.low),
            high = greatest(p.high, EXCLUDED.high);

-- name: last_value
-- The newest minute's sum of a metric of the platform. $1 metric
  SELECT p.total
    FROM series AS s
    JOIN point AS p ON p.series_id = s.id
   WHERE s.metric = $1::text AND s.subject = ''
ORDER BY p.at DESC
   LIMIT 1;

-- name: find_counter
-- $1 worker, $2 instance
SELECT value FROM counter_reading WHERE worker = $1::text AND instance = $2::text;

-- name: save_counter
-- $1 worker, $2 instance, $3 value, $4 now
WITH gone AS (
    DELETE FROM counter_reading WHERE worker = $1::text AND seen_at < $4::timestamptz - interval '30 days'
)
INSERT INTO counter_reading (worker, instance, value, seen_at)
     VALUES ($1, $2::text, $3::float8, $4)
ON CONFLICT (worker, instance) DO UPDATE SET value = EXCLUDED.value, seen_at = EXCLUDED.seen_at;

-- name: bundle
-- Make messages of the notifications that are due: one per channel and recipient, so that a storm is one
-- message; PagerDuty gets an event for each. A channel over its rate gets none: what waits goes together later.
-- $1 now, $2 most notifications
WITH room AS (
    SELECT c.id, c.kind,
           c.rate - (SELECT count(*) FROM delivery AS d
                      WHERE d.channel_id = c.id AND d.created_at > $1::timestamptz - interval '1 minute') AS free
      FROM (SELECT DISTINCT channel_id FROM notification
             WHERE outgoing AND delivery_id IS NULL AND dropped IS NULL AND due_at <= $1) AS n
      JOIN channel AS c ON c.id = n.channel_id
     WHERE c.enabled AND (c.paused_until IS NULL OR c.paused_until <= $1)
), due AS (
    SELECT n.id, n.channel_id, n.recipient, CASE WHEN room.kind = 'pagerduty' THEN n.id ELSE 0 END AS single, room.free
      FROM notification AS n
      JOIN room ON room.id = n.channel_id
     WHERE room.free > 0 AND n.outgoing AND n.delivery_id IS NULL AND n.dropped IS NULL AND n.due_at <= $1
  ORDER BY n.id
     LIMIT $2::integer
       FOR UPDATE OF n
), parcel AS (
    SELECT nextval(pg_get_serial_sequence('delivery', 'id')) AS id, channel_id, recipient, single, size
      FROM (SELECT channel_id, recipient, single, count(*) AS size, min(free) AS free,
                   row_number() OVER (PARTITION BY channel_id ORDER BY min(id)) AS place
              FROM due
          GROUP BY channel_id, recipient, single) AS g
     WHERE place <= free
), made AS (
    INSERT INTO delivery (id, channel_id, recipient, notifications, next_attempt_at, created_at)
         OVERRIDING SYSTEM VALUE
         SELECT id, channel_id, recipient, size, $1, $1 FROM parcel
      RETURNING id
), marked AS (
    UPDATE notification AS n
       SET delivery_id = p.id
      FROM due
      JOIN parcel AS p USING (channel_id, recipient, single)
     -- Twice, as only the first finds them by their key.
     WHERE n.id = ANY (ARRAY(SELECT id FROM due)) AND n.id = due.id
)
SELECT count(*) FROM made;

-- name: claim_delivery
-- Take any message that can be sent now; in a storm, finding the oldest of ten thousand each time costs more than
-- sending it. `uncertain`: somebody died while sending it, so it may have arrived already.
-- $1 now, $2 lease interval
   UPDATE delivery AS d
      SET lease_until = $1::timestamptz + $2::interval, attempts = d.attempts + 1
     FROM (SELECT w.id, w.lease_until IS NOT NULL AS uncertain
             FROM delivery AS w
             JOIN channel AS c ON c.id = w.channel_id
            WHERE w.status = 'waiting' AND w.next_attempt_at <= $1
              AND (w.lease_until IS NULL OR w.lease_until <= $1)
              AND c.enabled
              -- A channel that failed is tried with one message; the others wait for what becomes of it.
              AND (c.paused_until IS NULL
                   OR (c.paused_until <= $1
                       AND w.id = (SELECT min(o.id) FROM delivery AS o
                                    WHERE o.channel_id = c.id AND o.status = 'waiting')))
            LIMIT 1
              FOR UPDATE OF w SKIP LOCKED) AS picked
    WHERE d.id = picked.id
RETURNING d.id, d.channel_id, d.recipient, d.notifications, d.attempts, d.created_at, picked.uncertain;

-- name: find_channel
-- $1 id
SELECT id, owner, kind, name, config, secret, min_severity, quiet_from, quiet_until, time_zone, digest, rate, enabled,
       failures, last_error, last_sent_at
  FROM channel
 WHERE id = $1::text;

-- name: contents_of_delivery
-- What a message tells, the worst first. One by one: a join would read all alerts for the sake of one.
-- $1 delivery id, $2 most rows
   SELECT n.id, n.kind, n.severity, n.value, n.message, n.created_at, a.*
     FROM (SELECT * FROM notification WHERE delivery_id = $1::bigint ORDER BY severity DESC, id LIMIT $2::integer) AS n
LEFT JOIN LATERAL (
          SELECT a.id AS alert_id, a.subject, a.labels, a.started_at, a.fired_at, a.resolved_at, a.reason,
                 r.id AS rule_id, r.definition
            FROM alert AS a
           CROSS JOIN LATERAL (SELECT id, definition FROM rule WHERE no = a.rule_no OFFSET 0) AS r
           WHERE a.id = n.alert_id
          OFFSET 0) AS a ON true
 ORDER BY n.severity DESC, n.id;

-- name: drawn_alert
-- $1 alert id
SELECT a.subject, a.labels, a.fired_at, a.resolved_at, r.no, r.source, r.aggregation = 'percentile' AS sized, r.definition
  FROM alert AS a
  JOIN rule AS r ON r.no = a.rule_no
 WHERE a.id = $1::bigint;

-- name: delivery_sent
-- $1 id, $2 now, $3 provider id
WITH done AS (
       UPDATE delivery
          SET status = 'sent', sent_at = $2::timestamptz, provider_id = $3::text, lease_until = NULL, last_error = NULL
        WHERE id = $1::bigint
    RETURNING channel_id
)
UPDATE channel
   SET failures = 0, last_error = NULL, last_sent_at = $2, paused_until = NULL
 WHERE id = (SELECT channel_id FROM done)
   -- Every message would rewrite the row of a busy channel otherwise.
   AND (failures > 0 OR paused_until IS NOT NULL OR last_sent_at IS NULL
        OR last_sent_at < $2 - interval '1 minute');

-- name: delivery_deferred
-- Try again later, and leave the channel in peace until then.
-- $1 id, $2 next attempt, $3 error
WITH put_off AS (
       UPDATE delivery
          SET next_attempt_at = $2::timestamptz, lease_until = NULL, last_error = $3::text
        WHERE id = $1::bigint
    RETURNING channel_id
)
UPDATE channel
   SET paused_until = greatest(paused_until, $2), last_error = $3
 WHERE id = (SELECT channel_id FROM put_off);

-- name: delivery_dead
-- The destination will never take it. A channel that refuses three times in a row is switched off, and its owner
-- finds a note in the inbox.
-- $1 id, $2 now, $3 error
WITH dead AS (
       UPDATE delivery
          SET status = 'dead', lease_until = NULL, last_error = $3::text
        WHERE id = $1::bigint
    RETURNING channel_id
), refused AS (
       UPDATE channel
          SET failures = failures + 1, last_error = $3, enabled = failures + 1 < 3
        WHERE id = (SELECT channel_id FROM dead)
    RETURNING id, owner, name, enabled
)
INSERT INTO notification (dedup_key, channel_id, recipient, kind, severity, message, due_at, created_at, outgoing)
     SELECT concat_ws('/', 'channel-off', id, $1::bigint), 'in-app', coalesce(owner, ''), 'message', 3,
            jsonb_build_object('title', 'The channel "' || name || '" was switched off',
                               'text', 'It refused three messages in a row: ' || $3, 'links', '[]'::jsonb),
            $2::timestamptz, $2, false
       FROM refused
      WHERE NOT enabled;

-- name: next_delivery
-- When the next message can be sent, if any waits.
-- $1 now
SELECT least(
           (SELECT min(greatest(d.next_attempt_at, coalesce(d.lease_until, d.next_attempt_at),
                                coalesce(c.paused_until, d.next_attempt_at)))
              FROM delivery AS d JOIN channel AS c ON c.id = d.channel_id
             WHERE d.status = 'waiting' AND c.enabled),
           (SELECT min(greatest(n.due_at, coalesce(c.paused_until, n.due_at), $1::timestamptz))
              FROM notification AS n JOIN channel AS c ON c.id = n.channel_id
             WHERE n.outgoing AND n.delivery_id IS NULL AND n.dropped IS NULL AND c.enabled)) AS at;

-- name: save_rule
-- $1 id, $2 subject, $3 definition as JSON text
INSERT INTO rule AS r (id, subject, definition)
     VALUES ($1::text, $2::text, $3::text::jsonb)
ON CONFLICT (id) DO UPDATE
        SET definition = EXCLUDED.definition, version = r.version + 1, updated_at = clock_timestamp(),
            error = NULL, error_since = NULL, deleted_at = NULL
      WHERE r.definition <> EXCLUDED.definition OR r.deleted_at IS NOT NULL;

-- name: save_channel
-- $1 id, $2 owner, $3 kind, $4 name, $5 config as JSON text, $6 secret, $7 min_severity, $8 quiet_from,
-- $9 quiet_until, $10 time_zone, $11 digest, $12 rate
INSERT INTO channel AS c (id, owner, kind, name, config, secret, min_severity, quiet_from, quiet_until, time_zone,
                          digest, rate)
     VALUES ($1::text, $2::text, $3::text, $4::text, $5::text::jsonb, $6::bytea, $7::smallint, $8::time, $9::time,
             $10::text, $11::integer, $12::integer)
ON CONFLICT (id) DO UPDATE
        SET name = EXCLUDED.name, config = EXCLUDED.config, secret = coalesce(EXCLUDED.secret, c.secret),
            min_severity = EXCLUDED.min_severity, quiet_from = EXCLUDED.quiet_from,
            quiet_until = EXCLUDED.quiet_until, time_zone = EXCLUDED.time_zone, digest = EXCLUDED.digest,
            rate = EXCLUDED.rate, enabled = true, failures = 0, last_error = NULL, paused_until = NULL
      WHERE c.owner IS NOT DISTINCT FROM EXCLUDED.owner AND c.kind = EXCLUDED.kind
  RETURNING id;

-- name: channels_for_message
-- $1 user_id, $2 chosen ids, or none for all
SELECT id
  FROM channel
 WHERE enabled
   AND CASE WHEN $2::text[] = '{}' THEN owner = $1::text OR id = 'in-app'
            ELSE id = ANY ($2) AND (owner = $1 OR id = 'in-app') END
 ORDER BY id;

-- name: queue_message
-- $1 key, $2 user_id, $3 channels, $4 severity, $5 message as JSON text, $6 now
INSERT INTO notification (dedup_key, channel_id, recipient, kind, severity, message, due_at, created_at, outgoing)
     SELECT concat_ws('/', 'message', $2::text, $1::text, c.id), c.id,
            CASE WHEN c.kind = 'in_app' THEN $2 ELSE '' END, 'message', $4::smallint, $5::text::jsonb,
            CASE WHEN $4 >= 4 THEN $6::timestamptz
                 ELSE after_quiet_hours($6, c.quiet_from, c.quiet_until, c.time_zone) END,
            $6, c.kind <> 'in_app'
       FROM channel AS c
      WHERE c.id = ANY ($3::text[])
ON CONFLICT (dedup_key) DO NOTHING;

-- name: list_alerts
-- Newest first. $1 user_id or null for all, $2 state or null, $3 before id or null, $4 limit
  SELECT a.id, r.id AS rule_id, r.name, a.subject, a.labels, a.state, a.severity, a.value, a.started_at, a.fired_at,
         a.resolved_at, a.reason, a.flapping, a.acknowledged_at, a.acknowledged_by
    FROM alert AS a
    JOIN rule AS r ON r.no = a.rule_no
   WHERE ($1::text IS NULL OR a.subject = $1::text)
     AND ($2::text IS NULL OR a.state = $2::text)
     AND ($3::bigint IS NULL OR a.id < $3::bigint)
ORDER BY a.id DESC
   LIMIT $4::integer;

-- name: find_alert
-- $1 id
SELECT a.id, r.id AS rule_id, r.name, a.subject, a.labels, a.state, a.severity, a.value, a.started_at, a.fired_at,
       a.resolved_at, a.reason, a.flapping, a.acknowledged_at, a.acknowledged_by
  FROM alert AS a
  JOIN rule AS r ON r.no = a.rule_no
 WHERE a.id = $1::bigint;

-- name: events_of_alert
-- $1 alert id
SELECT at, kind, value, actor, note
  FROM alert_event
 WHERE alert_id = $1::bigint
 ORDER BY id
 LIMIT 500;

-- name: notifications_of_alert
-- $1 alert id
   SELECT n.channel_id, n.kind, n.created_at, n.due_at, n.dropped, d.status, d.attempts, d.sent_at, d.last_error
     FROM notification AS n
LEFT JOIN delivery AS d ON d.id = n.delivery_id
    WHERE n.alert_id = $1::bigint
 ORDER BY n.id
    LIMIT 500;

-- name: acknowledge
-- Nobody is reminded or called any more; whoever was told will still be told that it is over.
-- $1 alert id, $2 now, $3 who, $4 note
WITH taken AS (
       UPDATE alert
          SET acknowledged_at = $2::timestamptz, acknowledged_by = $3::text
        WHERE id = $1::bigint AND state <> 'resolved' AND acknowledged_at IS NULL
    RETURNING id
)
INSERT INTO alert_event (alert_id, at, kind, actor, note)
     SELECT id, $2, 'acknowledged', $3, $4::text FROM taken
  RETURNING alert_id;

-- name: resolve_by_hand
-- End an alert whatever is measured; while the condition holds, the next tick begins another one.
-- $1 alert id, $2 now, $3 who, $4 note
WITH ended AS (
       UPDATE alert
          SET state = 'resolved', since = $2::timestamptz, resolved_at = $2, reason = 'by_hand', sequence = sequence + 1
        WHERE id = $1::bigint AND state <> 'resolved'
    RETURNING id, fired_at, severity, value, sequence
), logged AS (
    INSERT INTO alert_event (alert_id, at, kind, actor, note)
         SELECT id, $2, 'resolved', $3::text, $4::text FROM ended
), dropped AS (
    UPDATE notification AS n
       SET dropped = 'resolved before it was sent'
      FROM ended
     WHERE n.alert_id = ended.id AND n.outgoing AND n.delivery_id IS NULL AND n.dropped IS NULL
 RETURNING n.id
), queued AS (
    INSERT INTO notification (dedup_key, alert_id, channel_id, recipient, kind, severity, value, due_at, created_at,
                              outgoing)
         SELECT DISTINCT concat_ws('/', e.id, n.channel_id, 'resolved', e.sequence), e.id, n.channel_id, n.recipient,
                'resolved', e.severity, e.value, $2, $2, n.outgoing
           FROM ended AS e
           JOIN notification AS n ON n.alert_id = e.id
          WHERE e.fired_at IS NOT NULL AND n.dropped IS NULL
            AND NOT EXISTS (SELECT FROM dropped WHERE dropped.id = n.id)
    ON CONFLICT (dedup_key) DO NOTHING
)
SELECT id FROM ended;

-- name: add_silence
-- $1 owner or null, $2 rule_id, $3 subject, $4 labels as JSON text, $5 starts_at, $6 ends_at, $7 who, $8 reason
INSERT INTO silence (owner, rule_id, subject, labels, starts_at, ends_at, created_by, reason)
     VALUES ($1::text, $2::text, $3::text, $4::text::jsonb, $5::timestamptz, $6::timestamptz, $7::text, $8::text)
  RETURNING id;

-- name: list_silences
-- $1 owner or null for all, $2 now
SELECT id, owner, rule_id, subject, labels, starts_at, ends_at, created_by, reason
  FROM silence
 WHERE ($1::text IS NULL OR owner = $1::text) AND ends_at > $2::timestamptz
 ORDER BY id
 LIMIT 500;

-- name: end_silence
-- $1 id, $2 owner or null for any, $3 now
   UPDATE silence
      SET ends_at = greatest($3::timestamptz, starts_at + interval '1 microsecond')
    WHERE id = $1::bigint AND ($2::text IS NULL OR owner = $2::text) AND ends_at > $3
RETURNING id;

-- name: list_inbox
-- $1 user_id, $2 before id or null, $3 limit, $4 now
   SELECT n.id, n.kind, n.severity, n.value, n.message, n.created_at, n.read_at, a.id AS alert_id, a.subject, a.labels,
          a.started_at, a.fired_at, a.resolved_at, a.reason, r.id AS rule_id, r.definition
     FROM notification AS n
LEFT JOIN alert AS a ON a.id = n.alert_id
LEFT JOIN rule AS r ON r.no = a.rule_no
    WHERE NOT n.outgoing AND n.recipient = $1::text AND n.dropped IS NULL AND n.due_at <= $4::timestamptz
      AND ($2::bigint IS NULL OR n.id < $2::bigint)
 ORDER BY n.id DESC
    LIMIT $3::integer;

-- name: read_inbox
-- $1 user_id, $2 newest id that was read, $3 now
WITH marked AS (
       UPDATE notification
          SET read_at = $3::timestamptz
        WHERE NOT outgoing AND recipient = $1::text AND id <= $2::bigint AND read_at IS NULL
    RETURNING 1
)
SELECT count(*) FROM marked;

-- name: list_rules
-- $1 owner or null for all
SELECT id, subject AS owner, definition, version, error, error_since
  FROM rule
 WHERE deleted_at IS NULL AND ($1::text IS NULL OR subject = $1::text OR subject IS NULL)
 ORDER BY id
 LIMIT 1000;

-- name: count_rules
-- $1 owner, $2 but this id
SELECT count(*) FROM rule WHERE subject = $1::text AND deleted_at IS NULL AND id <> $2::text;

-- name: delete_rule
-- Its alerts end with the next tick. $1 id, $2 owner or null for any
   UPDATE rule
      SET deleted_at = clock_timestamp()
    WHERE id = $1::text AND ($2::text IS NULL OR subject = $2::text) AND deleted_at IS NULL
RETURNING id;

-- name: add_trial
-- A rule that exists in one transaction only, for a preview. $1 id, $2 subject, $3 definition, $4 created_at
INSERT INTO rule (id, subject, definition, created_at)
     VALUES ($1::text, $2::text, $3::text::jsonb, $4::timestamptz)
  RETURNING no, source, aggregation = 'percentile' AS sized;

-- name: firings_of_trial
-- $1 rule number
SELECT subject, labels, severity, value, fired_at, resolved_at
  FROM alert
 WHERE rule_no = $1::bigint AND fired_at IS NOT NULL
 ORDER BY fired_at, subject
 LIMIT 200;

-- name: list_channels
-- $1 owner or null for all
SELECT id, owner, kind, name, config, secret, min_severity, quiet_from, quiet_until, time_zone, digest, rate, enabled,
       failures, last_error, last_sent_at
  FROM channel
 WHERE $1::text IS NULL OR owner = $1::text
 ORDER BY id
 LIMIT 500;

-- name: disable_channel
-- $1 id, $2 owner or null for any
   UPDATE channel
      SET enabled = false, secret = NULL, last_error = 'switched off by its owner'
    WHERE id = $1::text AND ($2::text IS NULL OR owner = $2::text)
RETURNING id;

-- name: prune
-- Forget what is over, a bounded number of rows of each kind. Alerts take their log and notifications along.
-- $1 now, $2 age of alerts and messages, $3 age of points, $4 limit
WITH old_alerts AS (
    DELETE FROM alert
     WHERE id IN (SELECT id FROM alert WHERE resolved_at < $1::timestamptz - $2::interval ORDER BY id LIMIT $4::integer)
), old_messages AS (
    DELETE FROM notification
     WHERE id IN (SELECT id FROM notification WHERE alert_id IS NULL AND created_at < $1 - $2 ORDER BY id LIMIT $4)
), old_deliveries AS (
    DELETE FROM delivery
     WHERE id IN (SELECT d.id FROM delivery AS d
                   WHERE d.created_at < $1 - $2
                     AND NOT EXISTS (SELECT FROM notification AS n WHERE n.delivery_id = d.id)
                   ORDER BY d.id LIMIT $4)
), old_evaluations AS (
    DELETE FROM evaluation
     WHERE slot IN (SELECT slot FROM evaluation WHERE slot < $1 - $2 ORDER BY slot LIMIT $4)
       AND slot < (SELECT max(slot) FROM evaluation)
)
DELETE FROM point
 WHERE ctid = ANY (ARRAY(SELECT ctid FROM point WHERE at < $1 - $3::interval LIMIT $4));
