-- Every object that a report was ever put into, of all versions, so that all of them can be erased.

CREATE TABLE report_object (
    key     text PRIMARY KEY,
    user_id text NOT NULL
);
CREATE INDEX report_object_by_user ON report_object (user_id);
COMMENT ON TABLE report_object IS 'Written before the object is, so that none can exist without its row';
INSERT INTO report_object (key, user_id)
SELECT DISTINCT f.key, r.user_id FROM report_file AS f JOIN report AS r USING (report_id);

CREATE OR REPLACE VIEW personal_object AS
SELECT user_id, key FROM data_export
 UNION
SELECT user_id, key FROM report_object
 UNION
SELECT r.user_id, f.key FROM report AS r JOIN report_file AS f USING (report_id);
