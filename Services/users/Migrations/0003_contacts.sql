-- What stands between two people: one row for a pair, whoever began, so that its row lock puts what both do in one order.
-- It stays when the tie has gone: its rev goes on.
CREATE TABLE connections (
    low_user bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    high_user bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    bond text NOT NULL DEFAULT 'none' CHECK (bond IN ('none', 'lowInvited', 'highInvited', 'connected')),
    since timestamptz NOT NULL,               -- of the bond
    rev bigint NOT NULL DEFAULT 0,            -- of the pair: each change of the bond or of a block takes the next
    PRIMARY KEY (low_user, high_user),
    CHECK (low_user < high_user)
);
CREATE INDEX connections_of_low ON connections (low_user, since DESC, high_user DESC) WHERE bond <> 'none';
CREATE INDEX connections_of_high ON connections (high_user, since DESC, low_user DESC) WHERE bond <> 'none';

-- Who has blocked whom. Written under the lock of the pair's row above.
CREATE TABLE blocks (
    user_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    other_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    since timestamptz NOT NULL,
    PRIMARY KEY (user_id, other_id)
);
CREATE INDEX blocks_of_user ON blocks (user_id, since DESC, other_id DESC);
CREATE INDEX blocks_by_other ON blocks (other_id);
