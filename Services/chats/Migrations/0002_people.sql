-- What people have to do with chats: keyed by user. Never written in one transaction with a chat: every row here is written first,
-- repeatably, and means nothing until the chat says so too.

-- The chats that a user is, was or was about to be in. Whether they are is in `members`; this only leads there.
CREATE TABLE memberships (
    user_id bigint NOT NULL,
    chat_id bigint NOT NULL,
    PRIMARY KEY (user_id, chat_id)
);

-- The one direct chat of two people: reserved here first, then made by that id.
CREATE TABLE direct_pairs (
    low_user bigint NOT NULL,
    high_user bigint NOT NULL,
    chat_id bigint NOT NULL,
    PRIMARY KEY (low_user, high_user),
    CHECK (low_user < high_user)
);

-- Who blocks whom: a copy, kept from the facts of `users`. Unblocking keeps the row, so that an older fact that comes later is known as old.
CREATE TABLE blocks (
    user_id bigint NOT NULL,
    other_id bigint NOT NULL,
    blocked boolean NOT NULL,
    -- Of this pair in `users`; the highest wins.
    rev bigint NOT NULL,
    PRIMARY KEY (user_id, other_id)
);

-- Answers to repeated `Idempotency-Key`s, for 24 h; written with the chat that they made.
CREATE TABLE creations (
    user_id bigint NOT NULL,
    key text NOT NULL,
    chat_id bigint NOT NULL,
    created_at timestamptz NOT NULL,
    request_hash bytea NOT NULL,
    PRIMARY KEY (user_id, key)
);

CREATE INDEX creations_age ON creations (created_at);
