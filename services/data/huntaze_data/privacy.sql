-- One user's data: what there is, how it is erased, how it is copied.

-- name: mark_erased
-- $1 user_id
WITH mark AS (
    INSERT INTO erased_user (user_id) VALUES ($1::text) ON CONFLICT (user_id) DO NOTHING
)
INSERT INTO object_deletion (key) SELECT key FROM personal_object WHERE user_id = $1::text;

-- name: erase_from_application
-- $1 user_id, $2 most rows
SELECT erased_from, deleted, objects FROM app_read.erase_user($1::text, $2::integer);

-- name: tables_to_erase
SELECT relation FROM personal_table WHERE action = 'delete' ORDER BY relation;

-- name: erase_rows
-- $1 relation of personal_table, $2 user_id, $3 most rows
SELECT erase_rows($1::text, $2::text, $3::integer);

-- name: add_to_receipt
-- $1 receipt_id, $2 table, $3 rows
INSERT INTO erasure_receipt AS r (receipt_id, rows_erased)
     VALUES ($1::text, jsonb_build_object($2::text, $3::bigint))
ON CONFLICT (receipt_id) DO UPDATE
        SET rows_erased = r.rows_erased || jsonb_build_object(
                $2::text, coalesce((r.rows_erased ->> $2::text)::bigint, 0) + $3::bigint);

-- name: anonymise_jobs
-- Jobs keep their names, so that none of them runs again; the one that erases is among them.
-- $1 user_id, $2 job_id of the erasure
WITH messages AS (
    DELETE FROM outbox WHERE sent_at IS NOT NULL AND convert_from(body, 'UTF8')::json ->> 'userId' = $1::text
)
UPDATE job SET user_id = NULL, body = '', result = NULL
 WHERE user_id = $1::text AND (state IN ('succeeded', 'failed', 'cancelled') OR job_id = $2::text);

-- name: end_receipt
-- $1 receipt_id
INSERT INTO erasure_receipt AS r (receipt_id, erased_at) VALUES ($1::text, clock_timestamp())
ON CONFLICT (receipt_id) DO UPDATE SET erased_at = clock_timestamp()
RETURNING rows_erased::text;

-- name: kept
-- $1 user_id
SELECT relation, reason FROM erasure_exception
 UNION ALL
SELECT 'app_read.messages', count(*) || ' messages are on hold' FROM app_read.messages
 WHERE user_id = $1::text AND hold HAVING count(*) > 0;

-- name: tables_to_export
-- Of each table or view with this user's rows: its name, and the queries that COPY runs, with the user as parameter.
-- Text that a spreadsheet would run as a formula is led by an apostrophe in the CSV; the JSON has it as it is.
SELECT name,
       format('SELECT %s FROM %s AS t WHERE user_id = $1 ORDER BY t::text', columns, relation) AS csv,
       format('SELECT row_to_json(t) FROM (SELECT * FROM %s) AS t WHERE user_id = $1 ORDER BY t::text', relation) AS json
  FROM (SELECT n.nspname || '.' || c.relname AS name, c.oid::regclass::text AS relation,
               string_agg(CASE WHEN a.atttypid IN ('text'::regtype, 'varchar'::regtype)
                               THEN format('CASE WHEN %1$I ~ ''^[=+@\t\r-]'' THEN '''''''' || %1$I ELSE %1$I END AS %1$I', a.attname)
                               ELSE quote_ident(a.attname) END, ', ' ORDER BY a.attnum) AS columns
          FROM pg_class AS c
          JOIN pg_namespace AS n ON n.oid = c.relnamespace
          JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         WHERE (n.nspname = 'app_read' AND c.relkind IN ('r', 'v', 'm', 'p')
                OR n.nspname = 'data' AND c.relname IN (SELECT relation FROM personal_table WHERE action = 'delete'))
           AND has_table_privilege(c.oid, 'SELECT')
           AND EXISTS (SELECT FROM pg_attribute AS u
                        WHERE u.attrelid = c.oid AND u.attname = 'user_id' AND NOT u.attisdropped)
         GROUP BY n.nspname, c.relname, c.oid) AS found
 ORDER BY name;

-- name: begin_export
-- $1 job_id, $2 user_id, $3 key, $4 rows, $5 bytes
WITH replaced AS (
    -- A delivery that came to nothing may have left an archive of other content.
    INSERT INTO object_deletion (key)
    SELECT key FROM data_export WHERE job_id = $1::text AND key <> $3::text
)
INSERT INTO data_export (job_id, user_id, key, rows, bytes)
     VALUES ($1::text, $2::text, $3::text, $4::bigint, $5::bigint)
ON CONFLICT (job_id) DO UPDATE
        SET key = EXCLUDED.key, rows = EXCLUDED.rows, bytes = EXCLUDED.bytes, made_at = clock_timestamp();
