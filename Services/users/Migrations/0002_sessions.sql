-- A device that is logged in. A row outlives its session for as long as an access token may, so that edges can ask what was revoked.
CREATE TABLE sessions (
    id bigint PRIMARY KEY CHECK (id > 0),
    user_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device text NOT NULL,
    stamp_key bytea NOT NULL CHECK (octet_length(stamp_key) = 32),          -- tells tokens of this session from made-up ones; cannot make a valid one
    refresh_hash bytea NOT NULL CHECK (octet_length(refresh_hash) = 32),    -- SHA-256 of the secret of the last token issued
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at DESC, id DESC) WHERE revoked_at IS NULL;
CREATE INDEX sessions_revoked ON sessions (revoked_at, id) WHERE revoked_at IS NOT NULL;
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Ed25519 keys of the access tokens; docs/identity.md says when each signs.
CREATE TABLE signing_keys (
    id text PRIMARY KEY,                      -- the kid
    private_key bytea NOT NULL,               -- 32 bytes, or these sealed
    sealed boolean NOT NULL,
    created_at timestamptz NOT NULL,
    signs_from timestamptz NOT NULL
);
