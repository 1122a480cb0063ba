-- Facts that were committed and not yet confirmed by the broker; docs/outbox.md.
CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    type text NOT NULL,
    subject text,
    time timestamptz NOT NULL,
    trace text,
    data bytea NOT NULL,
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX outbox_by_claim ON outbox (claimed_at);
