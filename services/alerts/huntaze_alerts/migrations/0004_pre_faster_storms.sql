-- Whose series a rule looks at and how, as one value: rules that agree in it share a reading.
ALTER TABLE rule
    ADD COLUMN reading text COLLATE "C" NOT NULL
    GENERATED ALWAYS AS (coalesce(subject, '') || ' ' || (definition ->> 'query')) STORED;

-- What a tick asks first, without touching the rules themselves.
CREATE INDEX rule_due ON rule (every, source, aggregation) INCLUDE (no) WHERE enabled AND deleted_at IS NULL;
