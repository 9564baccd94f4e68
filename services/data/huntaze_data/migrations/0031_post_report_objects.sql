-- A user's reports are among the objects that go with the user.

CREATE OR REPLACE VIEW personal_object AS
SELECT user_id, key FROM data_export
 UNION ALL
SELECT r.user_id, f.key FROM report AS r JOIN report_file AS f ON f.report_id = r.report_id;
