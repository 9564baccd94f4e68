-- Metrics that are read where they arise (ops_read.usage), and the last readings of counters that services keep.
DROP INDEX rule_due;
ALTER TABLE rule DROP COLUMN source;
ALTER TABLE rule
    ADD COLUMN source text NOT NULL GENERATED ALWAYS AS (
        CASE split_part(definition #>> '{query,metric}', '.', 1)
             WHEN 'job' THEN 'job' WHEN 'snapshot' THEN 'snapshot'
             WHEN 'apify' THEN 'usage' WHEN 'model' THEN 'usage' WHEN 'spend' THEN 'usage'
             ELSE 'point' END) STORED;
CREATE INDEX rule_due ON rule (every, source, aggregation) INCLUDE (no) WHERE enabled AND deleted_at IS NULL;

CREATE TABLE counter_reading (
    worker   text NOT NULL,
    -- When the process began that counts: another process counts from zero.
    instance text NOT NULL,
    value    float8 NOT NULL,
    seen_at  timestamptz NOT NULL,
    PRIMARY KEY (worker, instance)
);
