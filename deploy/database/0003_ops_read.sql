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

-- What outside services did and cost, as metrics: no users, no contents.
CREATE OR REPLACE VIEW ops_read.usage AS
SELECT 'apify.finished' AS metric, collected_at AS at,
       jsonb_build_object('platform', platform,
                          'result', CASE run_status WHEN 'SUCCEEDED' THEN 'success' ELSE 'failure' END) AS labels,
       1.0::float8 AS value
  FROM trends.scrape WHERE collected_at IS NOT NULL
UNION ALL
SELECT 'apify.items', collected_at, jsonb_build_object('platform', platform), posts
  FROM trends.scrape WHERE collected_at IS NOT NULL AND posts IS NOT NULL
UNION ALL
SELECT 'spend.usd', collected_at, jsonb_build_object('on', 'apify', 'platform', platform), cost_usd
  FROM trends.scrape WHERE collected_at IS NOT NULL AND cost_usd IS NOT NULL
UNION ALL
SELECT 'spend.usd', created_at, jsonb_build_object('on', 'model'), cost_usd
  FROM video.analysis
UNION ALL
SELECT 'model.finished', processed_at,
       jsonb_build_object('result', CASE analysis_status WHEN 'ok' THEN 'success' ELSE 'failure' END), 1
  FROM video.video WHERE analysis_status IN ('ok', 'partial', 'failed')
UNION ALL
SELECT 'model.tokens', created_at, '{}',
       (content #>> '{usage,input_tokens}')::float8 + (content #>> '{usage,output_tokens}')::float8
  FROM video.analysis WHERE content -> 'usage' <> 'null';

GRANT SELECT ON ops_read.usage TO huntaze_alerts;
