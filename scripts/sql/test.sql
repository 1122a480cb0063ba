-- The role and database of the tests. The role may create schemas, roles and databases.
-- Input: the environment variable `password`.
SET client_min_messages = warning;
\getenv password password
SELECT 'CREATE ROLE martlet_test' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'martlet_test') \gexec
ALTER ROLE martlet_test LOGIN CREATEROLE CREATEDB PASSWORD :'password';
SELECT 'CREATE DATABASE martlet_test OWNER martlet_test' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'martlet_test') \gexec
GRANT CONNECT ON DATABASE postgres TO martlet_test;
\connect martlet_test
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA pg_catalog;
