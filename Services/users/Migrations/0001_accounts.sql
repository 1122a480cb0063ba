-- Who may log in. Ids are Snowflakes from idgen.
CREATE TABLE accounts (
    id bigint PRIMARY KEY CHECK (id > 0),
    -- Lower-case and never changed. Compared by bytes, as the code compares it, whatever the locale of the database.
    username text COLLATE "C" NOT NULL UNIQUE CHECK (username ~ '^[a-z0-9._-]{3,32}$'),
    password_hash text NOT NULL,              -- Argon2id, PHC string format
    roles text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    password_changed_at timestamptz NOT NULL
);

-- What others may see. Beside the account and not in it: read far more often, and by everybody.
CREATE TABLE profiles (
    user_id bigint PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    username text COLLATE "C" NOT NULL,       -- a copy of what never changes, so that a read touches one table
    display_name text NOT NULL,
    avatar_url text,
    search_text text NOT NULL,                -- username and display name in small letters; made by the service, not by the database's locale
    version bigint NOT NULL DEFAULT 1,        -- the ETag
    created_at timestamptz NOT NULL
);
CREATE INDEX profiles_search ON profiles USING gin (search_text gin_trgm_ops);

-- Answers of registrations with an Idempotency-Key, for 24 hours.
CREATE TABLE registrations (
    key text PRIMARY KEY,
    user_id bigint NOT NULL,
    username text NOT NULL,
    display_name text NOT NULL,
    password_hash text NOT NULL,              -- a repeat must bring the same password; it is checked, never compared
    created_at timestamptz NOT NULL
);
CREATE INDEX registrations_by_age ON registrations (created_at);
