-- What the posts are worth, what the scrapes cost, who follows what, and what they are advised.

ALTER TABLE scrape
    ADD COLUMN user_id      text,
    ADD COLUMN reserved_usd numeric(14, 6) NOT NULL DEFAULT 0,
    ADD COLUMN cost_usd     numeric(14, 6),
    ADD COLUMN run_status   text,
    ADD COLUMN until        timestamptz,
    ADD COLUMN copies       integer,
    ADD COLUMN not_counted  json,
    ADD COLUMN found        json;
COMMENT ON COLUMN scrape.user_id IS 'Who pays; null for the scrapes of the schedule, which many share';
COMMENT ON COLUMN scrape.reserved_usd IS 'The most that the run may cost; counts until the cost is known';
COMMENT ON COLUMN scrape.found IS 'The result of its collection, which any later look answers again';
CREATE INDEX scrape_by_query ON scrape (platform, kind, value, intended_at);
CREATE INDEX scrape_by_day ON scrape (intended_at);

ALTER TABLE post
    ADD COLUMN url            text,
    ADD COLUMN kind           text NOT NULL DEFAULT 'post',
    ADD COLUMN author_name    text,
    ADD COLUMN language       text,
    ADD COLUMN sound          text,
    ADD COLUMN sound_title    text,
    ADD COLUMN original_sound boolean NOT NULL DEFAULT false,
    ADD COLUMN duration_s     float8,
    ADD COLUMN last_seen_at   timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX post_by_tag ON post USING gin (tags);
CREATE INDEX post_by_time ON post (platform, created_at);
CREATE INDEX post_by_author ON post (platform, author, created_at);

ALTER TABLE post_snapshot
    ADD COLUMN captured_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN followers    bigint,
    ADD COLUMN verdict      text NOT NULL DEFAULT 'kept',
    ADD COLUMN reasons      text[] NOT NULL DEFAULT '{}',
    ADD COLUMN duplicate_of text,
    ADD COLUMN virality     json;
COMMENT ON COLUMN post_snapshot.virality IS 'The components of the score at that moment, and what was missing';
CREATE INDEX post_snapshot_by_post ON post_snapshot (platform, external_id, captured_at);

-- Rows as Apify gave them, for a month: to read them again when our reading was wrong.
CREATE TABLE raw_row (
    platform    text NOT NULL,
    external_id text NOT NULL,
    row         bytea NOT NULL,
    seen_at     timestamptz NOT NULL,
    PRIMARY KEY (platform, external_id)
);
CREATE INDEX raw_row_by_age ON raw_row (seen_at);

ALTER TABLE trend
    ADD COLUMN trend_id         text,
    ADD COLUMN kind             text,
    ADD COLUMN also             text[],
    ADD COLUMN expected         float8,
    ADD COLUMN of_busiest       integer,
    ADD COLUMN level            integer,
    ADD COLUMN since            timestamptz,
    ADD COLUMN peak_share       float8,
    ADD COLUMN half_life_h      float8,
    ADD COLUMN sponsored_share  float8,
    ADD COLUMN platforms        text[],
    ADD COLUMN examples         text[],
    ADD COLUMN history          float8[],
    ADD COLUMN caveats          text[],
    ADD COLUMN detector_version text;
CREATE INDEX trend_by_id ON trend (trend_id);

CREATE TABLE query_follower (
    user_id    text NOT NULL,
    platform   text NOT NULL,
    kind       text NOT NULL,
    value      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, platform, kind, value),
    FOREIGN KEY (platform, kind, value) REFERENCES tracked_query
);
CREATE INDEX query_follower_by_query ON query_follower (platform, kind, value);

CREATE TABLE brand (
    user_id    text PRIMARY KEY,
    profile    json NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE recommendation (
    recommendation_id text PRIMARY KEY,
    user_id           text NOT NULL,
    trend_id          text NOT NULL,
    platform          text NOT NULL,
    content           json NOT NULL,
    score             float8 NOT NULL,
    status            text NOT NULL DEFAULT 'new' CHECK (status IN ('new', 'dismissed', 'used')),
    first_made_at     timestamptz NOT NULL,
    made_at           timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    decided_at        timestamptz
);
COMMENT ON TABLE recommendation IS 'One row for a user, a burst of a trend and a platform, for as long as it lasts';
CREATE INDEX recommendation_of_user ON recommendation (user_id, expires_at);
