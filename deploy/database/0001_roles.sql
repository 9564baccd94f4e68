-- The roles of the platform. Run by an administrator (superuser, or CREATEROLE and owner of the database);
-- running it again changes nothing. Passwords are set apart, so that this file holds none.
--
-- huntaze_<service>         what the service runs as: reads and writes the rows of its own schema
-- huntaze_<service>_owner   what its migrations run as: owns the schema
-- huntaze_app               the web application: owns what the services read of it

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['video', 'trends', 'data', 'alerts'] LOOP
        IF to_regrole('huntaze_' || role) IS NULL THEN
            EXECUTE format('CREATE ROLE %I', 'huntaze_' || role);
        END IF;
        IF to_regrole('huntaze_' || role || '_owner') IS NULL THEN
            EXECUTE format('CREATE ROLE %I', 'huntaze_' || role || '_owner');
        END IF;
    END LOOP;
    IF to_regrole('huntaze_app') IS NULL THEN
        CREATE ROLE huntaze_app;
    END IF;
END
$$;

-- An administrator who is no superuser may make schemas for the owners only as one of them.
GRANT huntaze_video_owner, huntaze_trends_owner, huntaze_data_owner, huntaze_alerts_owner, huntaze_app
   TO CURRENT_USER;

-- A pool has at most a few connections per process; the limit stops a loop of restarts from taking all of them.
ALTER ROLE huntaze_video        LOGIN NOINHERIT CONNECTION LIMIT 30;
ALTER ROLE huntaze_trends       LOGIN NOINHERIT CONNECTION LIMIT 30;
ALTER ROLE huntaze_data         LOGIN NOINHERIT CONNECTION LIMIT 30;
ALTER ROLE huntaze_alerts       LOGIN NOINHERIT CONNECTION LIMIT 30;
ALTER ROLE huntaze_video_owner  LOGIN NOINHERIT CONNECTION LIMIT 3;
ALTER ROLE huntaze_trends_owner LOGIN NOINHERIT CONNECTION LIMIT 3;
ALTER ROLE huntaze_data_owner   LOGIN NOINHERIT CONNECTION LIMIT 3;
ALTER ROLE huntaze_alerts_owner LOGIN NOINHERIT CONNECTION LIMIT 3;

-- A name without a schema means the service's own schema and nothing else.
ALTER ROLE huntaze_video        SET search_path = video;
ALTER ROLE huntaze_video_owner  SET search_path = video;
ALTER ROLE huntaze_trends       SET search_path = trends;
ALTER ROLE huntaze_trends_owner SET search_path = trends;
ALTER ROLE huntaze_data         SET search_path = data;
ALTER ROLE huntaze_data_owner   SET search_path = data;
ALTER ROLE huntaze_alerts       SET search_path = alerts;
ALTER ROLE huntaze_alerts_owner SET search_path = alerts;

-- No forgotten statement or transaction holds locks, or holds vacuum back, for longer than this.
ALTER ROLE huntaze_video        SET statement_timeout = '60s';
ALTER ROLE huntaze_trends       SET statement_timeout = '60s';
ALTER ROLE huntaze_data         SET statement_timeout = '60s';
ALTER ROLE huntaze_alerts       SET statement_timeout = '60s';
ALTER ROLE huntaze_video_owner  SET lock_timeout = '4s';
ALTER ROLE huntaze_trends_owner SET lock_timeout = '4s';
ALTER ROLE huntaze_data_owner   SET lock_timeout = '4s';
ALTER ROLE huntaze_alerts_owner SET lock_timeout = '4s';
ALTER ROLE huntaze_video        SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE huntaze_trends       SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE huntaze_data         SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE huntaze_alerts       SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE huntaze_video_owner  SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE huntaze_trends_owner SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE huntaze_data_owner   SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE huntaze_alerts_owner SET idle_in_transaction_session_timeout = '60s';
