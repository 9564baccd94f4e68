-- An example of app_read for an application whose tables were made by Prisma: integer ids, quoted names, timestamps
-- without a zone that mean UTC, money as double precision. Run by an administrator, as huntaze_app, which owns or may
-- read the tables. services/data/tests/test_mapping.py runs it; docs/how-to/map-the-application.md explains it.

SET ROLE huntaze_app;

CREATE OR REPLACE VIEW app_read.users AS
SELECT id::text AS user_id, coalesce("timeZone", 'UTC') AS time_zone, coalesce(locale, 'en-US') AS locale,
       created_at AT TIME ZONE 'UTC' AS created_at, coalesce(name, '') AS name
  FROM public.users;

CREATE OR REPLACE VIEW app_read.threads AS
SELECT id AS thread_id, "userId"::text AS user_id, "createdAt" AT TIME ZONE 'UTC' AS created_at,
       "lastMessageAt" AT TIME ZONE 'UTC' AS last_message_at
  FROM public."Thread";

CREATE OR REPLACE VIEW app_read.messages AS
SELECT id AS message_id, "userId"::text AS user_id, "threadId" AS thread_id,
       CASE "senderType" WHEN 'CREATOR' THEN 'out' ELSE 'in' END AS direction,
       "createdAt" AT TIME ZONE 'UTC' AS sent_at, "createdAt" AT TIME ZONE 'UTC' AS created_at,
       "archivedAt" AT TIME ZONE 'UTC' AS archived_at, "isPaid" AS is_paid, hold
  FROM public."Message";

CREATE OR REPLACE VIEW app_read.message_texts AS
SELECT "userId"::text AS user_id, id AS message_id, body, "mediaKeys" AS media FROM public."Message";
REVOKE ALL ON app_read.message_texts FROM huntaze_alerts;

CREATE OR REPLACE VIEW app_read.transactions AS
SELECT id AS transaction_id, user_id::text AS user_id, type AS kind, amount::numeric(14, 2) AS amount, currency, status,
       created_at AT TIME ZONE 'UTC' AS occurred_at
  FROM public.transactions;

-- This application knows nothing of social accounts: reports say so where they would show them.
CREATE OR REPLACE VIEW app_read.analytics_snapshots AS
SELECT NULL::text AS account_id, NULL::text AS user_id, NULL::text AS platform, NULL::date AS snapshot_date,
       NULL::bigint AS followers, NULL::bigint AS engagement, NULL::bigint AS posts, NULL::bigint AS reach,
       NULL::bigint AS impressions
 WHERE false;
CREATE OR REPLACE VIEW app_read.posts AS
SELECT NULL::text AS post_id, NULL::text AS user_id, NULL::text AS account_id, NULL::text AS platform,
       NULL::text AS title, NULL::timestamptz AS published_at, NULL::bigint AS views, NULL::bigint AS likes,
       NULL::bigint AS comments, NULL::bigint AS shares, NULL::bigint AS saves
 WHERE false;

-- The views compute their columns, so the indexes must, too.
CREATE INDEX IF NOT EXISTS message_read_by_time ON public."Message" (("createdAt" AT TIME ZONE 'UTC'));
CREATE INDEX IF NOT EXISTS message_read_to_delete
    ON public."Message" (("archivedAt" AT TIME ZONE 'UTC'), ("userId"::text), id) INCLUDE ("createdAt")
    WHERE "archivedAt" IS NOT NULL AND NOT hold;
CREATE INDEX IF NOT EXISTS transactions_read_by_time ON public.transactions ((created_at AT TIME ZONE 'UTC'));

-- The simple form; local/stack/huntaze_local/appdb/schema.sql has one that is three times as fast.
CREATE OR REPLACE FUNCTION app_read.delete_archived_messages(
    cutoff timestamptz, sent_since timestamptz, sent_before timestamptz,
    after_at timestamptz, after_user text, after_id text, most integer,
    OUT deleted bigint, OUT oldest timestamptz, OUT newest timestamptz, OUT objects text[],
    OUT upto_at timestamptz, OUT upto_user text, OUT upto_id text)
LANGUAGE sql
SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_custom_plan
AS $$
    WITH batch AS MATERIALIZED (
        SELECT id, "archivedAt" AT TIME ZONE 'UTC' AS at, "userId"::text AS whose
          FROM "Message"
         WHERE "archivedAt" IS NOT NULL AND NOT hold AND cutoff <= now()
           AND "archivedAt" AT TIME ZONE 'UTC' < cutoff AND "archivedAt" AT TIME ZONE 'UTC' >= after_at
           AND ("archivedAt" AT TIME ZONE 'UTC', "userId"::text, id) > (after_at, after_user, after_id)
           AND "createdAt" AT TIME ZONE 'UTC' >= sent_since AND "createdAt" AT TIME ZONE 'UTC' < sent_before
      ORDER BY "archivedAt" AT TIME ZONE 'UTC', "userId"::text, id
         LIMIT most
           FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM "Message" WHERE id IN (SELECT id FROM batch)
        RETURNING "createdAt" AT TIME ZONE 'UTC' AS sent_at, "mediaKeys" AS media
    ), last AS (
        SELECT at, whose, id FROM batch WHERE (SELECT count(*) FROM batch) = most
      ORDER BY at DESC, whose DESC, id DESC LIMIT 1
    )
    SELECT count(*), min(sent_at), max(sent_at),
           (SELECT array_agg(DISTINCT o.key) FROM gone AS g, unnest(g.media) AS o (key) WHERE g.media <> '{}'),
           (SELECT at FROM last), (SELECT whose FROM last), (SELECT id FROM last)
      FROM gone
$$;

-- This application has no partitions.
CREATE OR REPLACE FUNCTION app_read.archived_message_partitions(
    cutoff timestamptz, sent_since timestamptz, sent_before timestamptz)
RETURNS TABLE (partition text, matched bigint)
LANGUAGE sql STABLE
AS $$ SELECT NULL::text, 0::bigint WHERE false $$;

CREATE OR REPLACE FUNCTION app_read.drop_message_partition(
    partition text, cutoff timestamptz, sent_since timestamptz, sent_before timestamptz,
    OUT deleted bigint, OUT oldest timestamptz, OUT newest timestamptz, OUT objects text[])
LANGUAGE sql
AS $$ SELECT 0::bigint, NULL::timestamptz, NULL::timestamptz, NULL::text[] $$;

CREATE OR REPLACE FUNCTION app_read.erase_user(
    erased text, max_rows integer, OUT erased_from text, OUT deleted bigint, OUT objects text[])
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
    WITH gone AS (
        DELETE FROM "Message" WHERE id IN (
            SELECT m.id FROM "Message" AS m WHERE m."userId"::text = erased AND NOT m.hold LIMIT max_rows)
        RETURNING "mediaKeys" AS media
    )
    SELECT count(*), (SELECT array_agg(DISTINCT o.key) FROM gone AS g, unnest(g.media) AS o (key) WHERE g.media <> '{}')
      INTO deleted, objects FROM gone;
    erased_from := 'Message';
    IF deleted > 0 THEN RETURN; END IF;
    -- The other tables go with the user, by their foreign keys.
    DELETE FROM users AS u
     WHERE u.id::text = erased AND NOT EXISTS (SELECT FROM "Message" AS m WHERE m."userId" = u.id);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    erased_from := CASE WHEN deleted > 0 THEN 'users' END;
END
$$;

RESET ROLE;
