-- One row per processed job, and its keyframes. A video that is processed again gets a further row.

CREATE TABLE video (
    job_id          text PRIMARY KEY,
    user_id         text NOT NULL,
    video_id        text NOT NULL,
    duration_ms     bigint NOT NULL CHECK (duration_ms >= 0),
    width           integer NOT NULL,
    height          integer NOT NULL,
    frame_rate      float8 NOT NULL,
    shots           integer NOT NULL CHECK (shots >= 1),
    grid_key        text NOT NULL,
    grid_rows       integer NOT NULL,
    grid_cols       integer NOT NULL,
    analysis_status text NOT NULL,
    processed_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX video_of_user ON video (user_id, video_id, processed_at DESC);

CREATE TABLE keyframe (
    job_id      text NOT NULL REFERENCES video ON DELETE CASCADE,
    ordinal     integer NOT NULL,
    time_ms     bigint NOT NULL,
    position    text NOT NULL,
    scene_score real,
    object_key  text NOT NULL,
    PRIMARY KEY (job_id, ordinal)
);
