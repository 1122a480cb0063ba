-- Facts that were committed and not yet confirmed by the broker, and what was taken in of other services'; docs/outbox.md.
CREATE TABLE outbox (
    -- The event id.
    id uuid PRIMARY KEY,
    type text NOT NULL,
    subject text,
    time timestamptz NOT NULL,
    -- W3C traceparent.
    trace text,
    -- JSON, as published.
    data bytea NOT NULL,
    -- When somebody last took it on himself to publish it; at first the committing process.
    claimed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX outbox_by_claim ON outbox (claimed_at);

CREATE TABLE inbox (
    queue text NOT NULL,
    event_id uuid NOT NULL,
    failures smallint NOT NULL DEFAULT 0,
    done boolean NOT NULL DEFAULT false,
    reason text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (queue, event_id)
);
CREATE INDEX inbox_by_age ON inbox (at);
