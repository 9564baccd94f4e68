-- A scrape's rows together: compressed they are a tenth, and one row is written where thousands were.

CREATE TABLE raw_rows (
    scrape_id text PRIMARY KEY REFERENCES scrape,
    rows      bytea NOT NULL,
    seen_at   timestamptz NOT NULL
);
ALTER TABLE raw_rows ALTER COLUMN rows SET STORAGE EXTERNAL;
COMMENT ON COLUMN raw_rows.rows IS 'JSON lines as Apify gave them, for a month, compressed with zlib';
CREATE INDEX raw_rows_by_age ON raw_rows (seen_at);

DROP TABLE raw_row;
