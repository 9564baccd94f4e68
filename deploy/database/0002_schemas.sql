-- The schemas of the platform, and who may do what in them. Run after 0001_roles.sql, in the platform's database;
-- running it again changes nothing. There are no tables here: each service's migrations make its own.

-- Nobody gets in, or makes anything, without being named below.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END
$$;

DO $$
DECLARE
    service text;
    reader  text;
    owner   text;
BEGIN
    FOREACH service IN ARRAY ARRAY['video', 'trends', 'data', 'alerts'] LOOP
        reader := 'huntaze_' || service;
        owner  := reader || '_owner';
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I, %I', current_database(), reader, owner);
        EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I AUTHORIZATION %I', service, owner);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service, reader);
        -- Whatever a migration makes later, the service may use without a further grant.
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I'
                       ' GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO %I', owner, service, reader);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I'
                       ' GRANT USAGE, SELECT ON SEQUENCES TO %I', owner, service, reader);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I'
                       ' REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', owner);
        EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I'
                       ' GRANT EXECUTE ON FUNCTIONS TO %I', owner, service, reader);
    END LOOP;
END
$$;

-- The side that the web application owns: views to read, functions that delete. See local/stack/huntaze_local/appdb.
CREATE SCHEMA IF NOT EXISTS app_read AUTHORIZATION huntaze_app;
SET ROLE huntaze_app;
GRANT USAGE ON SCHEMA app_read TO huntaze_data, huntaze_alerts;
ALTER DEFAULT PRIVILEGES IN SCHEMA app_read GRANT SELECT ON TABLES TO huntaze_data, huntaze_alerts;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA app_read GRANT EXECUTE ON FUNCTIONS TO huntaze_data;
RESET ROLE;

-- What the alerts service may know of the other services' jobs (its view: 0003_ops_read.sql).
CREATE SCHEMA IF NOT EXISTS ops_read;
GRANT USAGE ON SCHEMA ops_read TO huntaze_alerts;
