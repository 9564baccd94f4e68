-- What the video service keeps of each video.

-- name: save_video
-- $1 job_id, $2 user_id, $3 video_id, $4 duration_ms, $5 width, $6 height, $7 frame_rate, $8 shots,
-- $9 grid_key, $10 grid_rows, $11 grid_cols, $12 analysis_status, $13 analysis_key, $14 media, $15 measures
INSERT INTO video (job_id, user_id, video_id, duration_ms, width, height, frame_rate, shots, grid_key,
                   grid_rows, grid_cols, analysis_status, analysis_key, media, measures)
     VALUES ($1::text, $2::text, $3::text, $4::bigint, $5::integer, $6::integer, $7::float8, $8::integer,
             $9::text, $10::integer, $11::integer, $12::text, $13::text, $14::jsonb, $15::jsonb);

-- name: save_keyframe
-- $1 job_id, $2 ordinal, $3 time_ms, $4 position, $5 scene_score, $6 object_key
INSERT INTO keyframe (job_id, ordinal, time_ms, position, scene_score, object_key)
     VALUES ($1::text, $2::integer, $3::bigint, $4::text, $5::real, $6::text);

-- name: save_transition
-- $1 job_id, $2 ordinal, $3 kind, $4 start_ms, $5 end_ms, $6 score
INSERT INTO transition (job_id, ordinal, kind, start_ms, end_ms, score)
     VALUES ($1::text, $2::integer, $3::text, $4::bigint, $5::bigint, $6::real);

-- name: save_preview
-- $1 job_id, $2 ordinal, $3 kind, $4 time_ms, $5 object_key
INSERT INTO preview (job_id, ordinal, kind, time_ms, object_key)
     VALUES ($1::text, $2::integer, $3::text, $4::bigint, $5::text);

-- name: find_analysis
-- $1 key
SELECT content FROM analysis WHERE key = $1::text;

-- name: keep_analysis
-- Two jobs for the same picture may both have asked; the first answer stays.
-- $1 key, $2 status, $3 content, $4 cost_usd
INSERT INTO analysis (key, status, content, cost_usd)
     VALUES ($1::text, $2::text, $3::jsonb, $4::numeric)
ON CONFLICT (key) DO NOTHING;
