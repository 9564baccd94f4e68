-- What the alerts service may know of the other services' jobs: outcomes, no payloads and no users.
-- Run after each service's migrations; CREATE OR REPLACE, so running it again changes nothing.

CREATE OR REPLACE VIEW ops_read.job_outcomes AS
SELECT worker, job_id, state, error_code, finished_at, seconds, deliveries
  FROM (
        SELECT type AS worker, job_id, state, error ->> 'code' AS error_code, finished_at,
               extract(epoch FROM finished_at - started_at)::float8 AS seconds, deliveries
          FROM video.job
     UNION ALL
        SELECT type, job_id, state, error ->> 'code', finished_at,
               extract(epoch FROM finished_at - started_at)::float8, deliveries
          FROM trends.job
     UNION ALL
        SELECT type, job_id, state, error ->> 'code', finished_at,
               extract(epoch FROM finished_at - started_at)::float8, deliveries
          FROM data.job
     UNION ALL
        SELECT type, job_id, state, error ->> 'code', finished_at,
               extract(epoch FROM finished_at - started_at)::float8, deliveries
          FROM alerts.job
       ) AS jobs
 WHERE finished_at IS NOT NULL;

GRANT SELECT ON ops_read.job_outcomes TO huntaze_alerts;
