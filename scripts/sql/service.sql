-- The role of one service, and the schema that it owns.
-- Input: the psql variable `service` and the environment variable `password`.
SET client_min_messages = warning;
\getenv password password
SELECT format('CREATE ROLE %I', :'service') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'service') \gexec
ALTER ROLE :"service" LOGIN PASSWORD :'password';
ALTER ROLE :"service" SET search_path = :"service";
ALTER ROLE :"service" SET statement_timeout = '5s';
ALTER ROLE :"service" SET idle_in_transaction_session_timeout = '5s';
GRANT CONNECT ON DATABASE martlet TO :"service";
CREATE SCHEMA IF NOT EXISTS :"service" AUTHORIZATION :"service";
