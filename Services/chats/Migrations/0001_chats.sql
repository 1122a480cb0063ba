-- What chats are: keyed by chat_id, so that everything a transaction writes lies with one chat. No foreign keys: a distributed
-- database could not check them, and the chat row's lock already keeps members and messages whole.
-- All times are whole milliseconds, as contracts carry them, so that a row and the answer made from it are equal.

CREATE TABLE chats (
    id bigint NOT NULL PRIMARY KEY,
    -- Of the last message, and of the last change of any kind: given under this row's lock, without gaps.
    last_seq bigint NOT NULL DEFAULT 0,
    rev bigint NOT NULL,
    created_by bigint NOT NULL,
    created_at timestamptz NOT NULL,
    -- When `rev` was last taken, by the server's clock and never back: orders chat lists and answers "changed since".
    updated_at timestamptz NOT NULL,
    -- `sent_at` of message `last_seq`: the next one's is never less.
    last_sent_at timestamptz,
    -- Those who have not left. Kept here because a list of 100 chats may not count 100,000 members.
    member_count integer NOT NULL,
    kind text NOT NULL CHECK (kind IN ('direct', 'group')),
    title text,
    CHECK (last_seq >= 0 AND rev >= 1 AND member_count >= 0)
    -- Every send updates a row here: room in its page keeps the update off the index (HOT).
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

CREATE TABLE members (
    chat_id bigint NOT NULL,
    user_id bigint NOT NULL,
    -- `last_seq` at the moment of joining: a member sees what comes after it.
    joined_seq bigint NOT NULL,
    -- `last_seq` at the moment of leaving; NULL for members. The row stays, to tell other devices and to order delivery.
    left_seq bigint,
    -- Markers never go back while somebody is a member.
    read_seq bigint NOT NULL,
    delivered_seq bigint NOT NULL,
    -- The chat's `rev` when this row last changed otherwise than by a marker.
    rev bigint NOT NULL,
    joined_at timestamptz NOT NULL,
    -- When anything here last changed: "changed since" must see a read marker moved on another device.
    changed_at timestamptz NOT NULL,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    PRIMARY KEY (chat_id, user_id),
    CHECK (joined_seq >= 0 AND read_seq >= joined_seq AND delivered_seq >= joined_seq)
) WITH (fillfactor = 80);

CREATE TABLE messages (
    chat_id bigint NOT NULL,
    seq bigint NOT NULL,
    id bigint NOT NULL,
    -- The chat's `rev` when it was sent; like `sent_at`, it grows along `seq`.
    sent_rev bigint NOT NULL,
    -- The chat's `rev` when it was last changed since; NULL: never.
    changed_rev bigint,
    sender_id bigint NOT NULL,
    reply_to bigint,
    sent_at timestamptz NOT NULL,
    edited_at timestamptz,
    deleted_at timestamptz,
    client_message_id text NOT NULL,
    -- SHA-256 of what was asked for: decides whether a key that comes again is a repeat, whatever was edited since.
    request_hash bytea NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (chat_id, seq)
);

-- Every index costs every send: there are two, the primary key and this. It finds repeats (the chat's lock already keeps them out, this
-- makes sure), and counts a member's own messages, which are not unread to them, without visiting rows.
CREATE UNIQUE INDEX messages_repeats ON messages (chat_id, sender_id, client_message_id) INCLUDE (seq);
-- What changed after a rev, beside what was sent after it. Empty until something is edited: sends pay nothing for it.
CREATE INDEX messages_changes ON messages (chat_id, changed_rev) WHERE changed_rev IS NOT NULL;
-- A moment or a rev is found by bisecting the primary key, because both only grow along `seq` and `seq` has no gaps.
