-- Rules, the series that they look at, alerts and notifications.

-- Severities as numbers, so that they can be compared: info 1, warning 2, error 3, critical 4.
CREATE FUNCTION severity_rank(name text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_position(ARRAY['info', 'warning', 'error', 'critical'], name)::smallint;

CREATE FUNCTION level_thresholds(levels jsonb, direction smallint) RETURNS float8[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT array_agg((level ->> 'threshold')::float8 * direction ORDER BY position)
          FROM jsonb_array_elements(levels) WITH ORDINALITY AS l (level, position));

CREATE FUNCTION level_severities(levels jsonb) RETURNS smallint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (SELECT array_agg(array_position(ARRAY['info', 'warning', 'error', 'critical'], level ->> 'severity')::smallint
                         ORDER BY position)
          FROM jsonb_array_elements(levels) WITH ORDINALITY AS l (level, position));

CREATE FUNCTION text_array(items jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY(SELECT jsonb_array_elements_text(items));

CREATE FUNCTION seconds(amount jsonb) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN make_interval(secs => coalesce(amount, '0')::float8);

-- What a rule says is in `definition` (huntaze_contracts.alerts.Rule); the rest is made from it by the server,
-- so that the two cannot differ.
CREATE TABLE rule (
    no            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id            text NOT NULL UNIQUE,
    -- Whose rule it is; null for the platform's. It looks at its owner's series and no others.
    subject       text,
    definition    jsonb NOT NULL,
    version       integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at    timestamptz,
    error         text,
    error_since   timestamptz,

    enabled       boolean NOT NULL GENERATED ALWAYS AS ((definition -> 'enabled')::boolean) STORED,
    name          text NOT NULL GENERATED ALWAYS AS (definition ->> 'name') STORED,
    metric        text NOT NULL GENERATED ALWAYS AS (definition #>> '{query,metric}') STORED,
    source        text NOT NULL GENERATED ALWAYS AS (
        CASE split_part(definition #>> '{query,metric}', '.', 1)
             WHEN 'job' THEN 'job' WHEN 'snapshot' THEN 'snapshot' ELSE 'point' END) STORED,
    aggregation   text NOT NULL GENERATED ALWAYS AS (definition #>> '{query,aggregation}') STORED,
    span          interval NOT NULL GENERATED ALWAYS AS (seconds(definition #> '{query,window}')) STORED,
    baseline      interval NOT NULL GENERATED ALWAYS AS (seconds(definition #> '{query,baseline}')) STORED,
    delay         interval NOT NULL GENERATED ALWAYS AS (seconds(definition #> '{query,delay}')) STORED,
    wanted        jsonb NOT NULL GENERATED ALWAYS AS (definition #> '{query,where}') STORED,
    part          jsonb NOT NULL GENERATED ALWAYS AS (definition #> '{query,part}') STORED,
    quantile      float8 NOT NULL GENERATED ALWAYS AS ((definition #> '{query,percentile}')::float8 / 100) STORED,
    by_subject    boolean NOT NULL GENERATED ALWAYS AS (definition #> '{query,groupBy}' ? 'subject') STORED,
    by_labels     text[] NOT NULL GENERATED ALWAYS AS (
        array_remove(text_array(definition #> '{query,groupBy}'), 'subject')) STORED,
    direction     smallint NOT NULL GENERATED ALWAYS AS (
        CASE WHEN definition ->> 'comparison' IN ('gt', 'ge') THEN 1 ELSE -1 END) STORED,
    strict        boolean NOT NULL GENERATED ALWAYS AS (definition ->> 'comparison' IN ('gt', 'lt')) STORED,
    thresholds    float8[] NOT NULL GENERATED ALWAYS AS (
        level_thresholds(definition -> 'levels',
                         CASE WHEN definition ->> 'comparison' IN ('gt', 'ge') THEN 1 ELSE -1 END::smallint)) STORED,
    severities    smallint[] NOT NULL GENERATED ALWAYS AS (level_severities(definition -> 'levels')) STORED,
    clear         float8 GENERATED ALWAYS AS (
        (definition ->> 'clear')::float8
        * CASE WHEN definition ->> 'comparison' IN ('gt', 'ge') THEN 1 ELSE -1 END) STORED,
    hold          interval NOT NULL GENERATED ALWAYS AS (seconds(definition -> 'hold')) STORED,
    keep_firing   interval NOT NULL GENERATED ALWAYS AS (seconds(definition -> 'keepFiring')) STORED,
    repeat        interval NOT NULL GENERATED ALWAYS AS (seconds(definition -> 'repeat')) STORED,
    repeat_max    interval NOT NULL GENERATED ALWAYS AS (seconds(definition -> 'repeatMax')) STORED,
    min_samples   float8 NOT NULL GENERATED ALWAYS AS ((definition -> 'minSamples')::float8) STORED,
    no_data       text NOT NULL GENERATED ALWAYS AS (definition ->> 'noData') STORED,
    missing       interval NOT NULL GENERATED ALWAYS AS (seconds(definition -> 'missing')) STORED,
    every         integer NOT NULL GENERATED ALWAYS AS ((definition -> 'every')::integer) STORED,
    flap_changes  integer NOT NULL GENERATED ALWAYS AS ((definition #> '{flapping,changes}')::integer) STORED,
    flap_span     interval NOT NULL GENERATED ALWAYS AS (seconds(definition #> '{flapping,window}')) STORED,
    escalates     smallint GENERATED ALWAYS AS (severity_rank(definition #>> '{escalation,severity}')) STORED,
    escalate_after interval NOT NULL GENERATED ALWAYS AS (seconds(definition #> '{escalation,after}')) STORED,
    channels      text[] NOT NULL GENERATED ALWAYS AS (text_array(definition -> 'channels')) STORED,
    depends_on    text GENERATED ALWAYS AS (definition ->> 'dependsOn') STORED,
    replaces      text GENERATED ALWAYS AS (definition ->> 'replaces') STORED
);

CREATE INDEX rule_of_subject ON rule (subject) WHERE subject IS NOT NULL;
CREATE INDEX rule_replacing ON rule (replaces, subject) WHERE deleted_at IS NULL;
CREATE INDEX rule_in_error ON rule (id) WHERE error IS NOT NULL;

-- What was sent to the ingestion endpoint, summed up by the minute.
CREATE TABLE series (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    metric     text NOT NULL,
    subject    text NOT NULL DEFAULT '',
    labels     jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (metric, subject, labels)
);

-- One row per series, minute and size class. Timings fall into classes of 10 percent each, from which
-- percentiles follow; all others are of class 0.
CREATE TABLE point (
    series_id bigint NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    at        timestamptz NOT NULL,
    size      smallint NOT NULL DEFAULT 0,
    n         float8 NOT NULL,
    total     float8 NOT NULL,
    low       float8 NOT NULL,
    high      float8 NOT NULL,
    PRIMARY KEY (series_id, at, size)
);
CREATE INDEX point_age ON point USING brin (at);

-- One row per evaluated slot: the guard against doing one twice, and the log.
CREATE TABLE evaluation (
    slot          timestamptz PRIMARY KEY,
    pause         interval,
    rules         integer NOT NULL DEFAULT 0,
    rules_failed  integer NOT NULL DEFAULT 0,
    fired         integer NOT NULL DEFAULT 0,
    resolved      integer NOT NULL DEFAULT 0,
    notifications integer NOT NULL DEFAULT 0,
    seconds       float8 NOT NULL DEFAULT 0,
    evaluated_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row per time that an instance of a rule left 'ok'. An instance that is ok has none.
CREATE TABLE alert (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_no         bigint NOT NULL REFERENCES rule (no),
    rule_version    integer NOT NULL,
    subject         text NOT NULL DEFAULT '',
    labels          jsonb NOT NULL DEFAULT '{}',
    state           text NOT NULL CHECK (state IN ('pending', 'firing', 'recovering', 'resolved')),
    since           timestamptz NOT NULL,
    severity        smallint NOT NULL,
    value           float8,
    started_at      timestamptz NOT NULL,
    fired_at        timestamptz,
    resolved_at     timestamptz,
    reason          text,
    missing_since   timestamptz,
    flapping        boolean NOT NULL DEFAULT false,
    notified_at     timestamptz,
    reminders       integer NOT NULL DEFAULT 0,
    sequence        integer NOT NULL DEFAULT 0,
    escalated_at    timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text
);
CREATE UNIQUE INDEX alert_open ON alert (rule_no, subject, labels) WHERE state <> 'resolved';
CREATE INDEX alert_fired ON alert (rule_no, subject, fired_at) WHERE fired_at IS NOT NULL;
CREATE INDEX alert_of_subject ON alert (subject, id DESC);
CREATE INDEX alert_resolved ON alert (resolved_at) WHERE resolved_at IS NOT NULL;

-- Every change of an alert, and everything that was done to it.
CREATE TABLE alert_event (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    at       timestamptz NOT NULL,
    kind     text NOT NULL,
    value    float8,
    actor    text,
    note     text
);
CREATE INDEX alert_event_of ON alert_event (alert_id, id);

CREATE TABLE silence (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Whose alerts it can silence; null for the platform's operators, who may silence all.
    owner      text,
    rule_id    text,
    labels     jsonb NOT NULL DEFAULT '{}',
    subject    text,
    starts_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL CHECK (ends_at > starts_at),
    created_by text NOT NULL,
    reason     text NOT NULL DEFAULT ''
);
CREATE INDEX silence_end ON silence (ends_at);

CREATE TABLE channel (
    id              text PRIMARY KEY,
    -- Whose channel it is; null for the platform's.
    owner           text,
    kind            text NOT NULL,
    name            text NOT NULL,
    -- Nothing secret: addresses of people, names of rooms.
    config          jsonb NOT NULL DEFAULT '{}',
    -- What the kind keeps secret (URLs with keys, tokens), encrypted by huntaze_alerts.vault.
    secret          bytea,
    min_severity    smallint NOT NULL DEFAULT 1,
    quiet_from      time,
    quiet_until     time,
    time_zone       text NOT NULL DEFAULT 'UTC',
    -- In minutes; 0 sends at once.
    digest          integer NOT NULL DEFAULT 0 CHECK (digest BETWEEN 0 AND 1440),
    -- Messages a minute at most: what is over waits, and goes out together.
    rate            integer NOT NULL DEFAULT 20 CHECK (rate > 0),
    enabled         boolean NOT NULL DEFAULT true,
    failures        integer NOT NULL DEFAULT 0,
    last_error      text,
    last_sent_at    timestamptz,
    -- Nothing is sent before: the destination asked for a pause, or failed.
    paused_until    timestamptz,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);
CREATE INDEX channel_of ON channel (owner) WHERE owner IS NOT NULL;

-- One message to one channel: one notification, or several that were waiting together.
CREATE TABLE delivery (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_id      text NOT NULL REFERENCES channel (id),
    recipient       text NOT NULL DEFAULT '',
    status          text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'sent', 'dead')),
    notifications   integer NOT NULL,
    attempts        integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    lease_until     timestamptz,
    created_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    provider_id     text,
    last_error      text
);
CREATE INDEX delivery_waiting ON delivery (next_attempt_at) WHERE status = 'waiting';
CREATE INDEX delivery_of ON delivery (channel_id, created_at);

-- What somebody is to be told, once per channel.
CREATE TABLE notification (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dedup_key   text NOT NULL UNIQUE,
    alert_id    bigint REFERENCES alert (id) ON DELETE CASCADE,
    channel_id  text NOT NULL REFERENCES channel (id),
    -- Whom, where the channel serves several people: the in-app inbox.
    recipient   text NOT NULL DEFAULT '',
    kind        text NOT NULL,
    severity    smallint NOT NULL,
    value       float8,
    -- Of messages that are no alerts: title, text and links.
    message     jsonb,
    due_at      timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    -- False in the inbox: the row itself is what its reader gets.
    outgoing    boolean NOT NULL,
    delivery_id bigint REFERENCES delivery (id),
    -- Why it will not be sent.
    dropped     text,
    read_at     timestamptz
);
CREATE INDEX notification_due ON notification (due_at) WHERE outgoing AND delivery_id IS NULL AND dropped IS NULL;
CREATE INDEX notification_inbox ON notification (recipient, id DESC) WHERE NOT outgoing;
CREATE INDEX notification_of_alert ON notification (alert_id, channel_id);
CREATE INDEX notification_of_delivery ON notification (delivery_id);

-- The end of the quiet hours that an instant falls into, or the instant itself. In the channel's zone, so a
-- night has 23, 24 or 25 hours.
CREATE FUNCTION after_quiet_hours(at timestamptz, quiet_from time, quiet_until time, zone text)
RETURNS timestamptz
LANGUAGE sql STABLE
RETURN CASE
    WHEN quiet_from IS NULL OR quiet_from = quiet_until THEN at
    WHEN quiet_from < quiet_until AND (at AT TIME ZONE zone)::time >= quiet_from
         AND (at AT TIME ZONE zone)::time < quiet_until
        THEN ((at AT TIME ZONE zone)::date + quiet_until) AT TIME ZONE zone
    WHEN quiet_from > quiet_until AND (at AT TIME ZONE zone)::time >= quiet_from
        THEN ((at AT TIME ZONE zone)::date + 1 + quiet_until) AT TIME ZONE zone
    WHEN quiet_from > quiet_until AND (at AT TIME ZONE zone)::time < quiet_until
        THEN ((at AT TIME ZONE zone)::date + quiet_until) AT TIME ZONE zone
    ELSE at
END;

INSERT INTO channel (id, kind, name) VALUES
    ('in-app', 'in_app', 'Inbox of the application'),
    ('log', 'log', 'Log of the service');
