-- The database of all services. No role has a right that a script does not grant explicitly.
SET client_min_messages = warning;
SELECT 'CREATE DATABASE martlet' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'martlet') \gexec
REVOKE ALL ON DATABASE martlet, postgres, template1 FROM PUBLIC;
\connect martlet
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
-- In pg_catalog, where every role finds it: the search_path of a role is its own schema only.
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA pg_catalog;
