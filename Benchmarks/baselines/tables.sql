-- The tables of the Postgres figures and their baselines.
CREATE TABLE page (
    chat bigint, seq bigint, id bigint NOT NULL, sender bigint NOT NULL, body text NOT NULL, at timestamptz NOT NULL,
    PRIMARY KEY (chat, seq));
INSERT INTO page
    SELECT chat, seq, chat * 1000 + seq, seq % 7, repeat('x', 200), now()
    FROM generate_series(1, 1000) chat, generate_series(1, 100) seq;
CREATE TABLE stored (
    chat bigint, id bigint, sender bigint NOT NULL, body text NOT NULL, at timestamptz NOT NULL,
    PRIMARY KEY (chat, id));
VACUUM ANALYZE page;
