-- What the video service keeps of each video.

-- name: save_video
-- $1 job_id, $2 user_id, $3 video_id, $4 duration_ms, $5 width, $6 height, $7 frame_rate, $8 shots,
-- $9 grid_key, $10 grid_rows, $11 grid_cols, $12 analysis_status
INSERT INTO video (job_id, user_id, video_id, duration_ms, width, height, frame_rate, shots, grid_key,
                   grid_rows, grid_cols, analysis_status)
     VALUES ($1::text, $2::text, $3::text, $4::bigint, $5::integer, $6::integer, $7::float8, $8::integer,
             $9::text, $10::integer, $11::integer, $12::text);

-- name: save_keyframe
-- $1 job_id, $2 ordinal, $3 time_ms, $4 position, $5 scene_score, $6 object_key
INSERT INTO keyframe (job_id, ordinal, time_ms, position, scene_score, object_key)
     VALUES ($1::text, $2::integer, $3::bigint, $4::text, $5::real, $6::text);
