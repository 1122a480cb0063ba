-- When somebody was last connected, on whatever device; no row for those who never were. Beside the account and not in it: written whenever
-- somebody goes, and read for whole lists of contacts.
CREATE TABLE last_seen (
    user_id bigint PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    at timestamptz NOT NULL
) WITH (fillfactor = 80);
