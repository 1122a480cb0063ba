-- The database of all services: nobody has any right in it that is not given.
SET client_min_messages = warning;
SELECT 'CREATE DATABASE martlet' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'martlet') \gexec
REVOKE ALL ON DATABASE martlet, postgres, template1 FROM PUBLIC;
\connect martlet
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
-- Found by every role, whose search_path is its own schema and nothing else.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA pg_catalog;
