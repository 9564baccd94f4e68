-- Reports: one of each user, kind and period, in as many versions as late data made, and when users want them.

CREATE TABLE report (
    report_id    text PRIMARY KEY,
    user_id      text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('weekly', 'monthly', 'custom')),
    first_day    date NOT NULL,
    last_day     date NOT NULL CHECK (last_day >= first_day),
    look         smallint NOT NULL DEFAULT 0,
    version      integer NOT NULL DEFAULT 0 CHECK (version >= 0),
    data_sha     bytea,
    time_zone    text,
    headline     text,
    generated_at timestamptz,
    UNIQUE (user_id, kind, first_day, last_day)
);
COMMENT ON COLUMN report.look IS 'How many days after it was due it was last asked for; late data are looked for until then';
COMMENT ON COLUMN report.version IS '0: asked for, not made yet';
COMMENT ON COLUMN report.data_sha IS 'SHA-256 of all that the report says; the same data make no new version';

CREATE TABLE report_file (
    report_id text NOT NULL REFERENCES report ON DELETE CASCADE,
    format    text NOT NULL,
    key       text NOT NULL,
    bytes     bigint NOT NULL,
    PRIMARY KEY (report_id, format)
);
COMMENT ON TABLE report_file IS 'The newest version''s files. Links to them are made when they are used';

CREATE TABLE report_preference (
    user_id   text PRIMARY KEY,
    weekly    boolean NOT NULL,
    monthly   boolean NOT NULL,
    weekday   smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    month_day smallint NOT NULL CHECK (month_day BETWEEN 1 AND 31),
    hour      smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    formats   text[] NOT NULL
);
COMMENT ON TABLE report_preference IS 'Of users who chose; the others have the defaults of huntaze_data.reports.preferences';
