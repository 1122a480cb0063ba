-- Who leads, and which assignment holds. One row.
CREATE TABLE routing (
    id boolean NOT NULL PRIMARY KEY DEFAULT TRUE CHECK (id),
    holder text NOT NULL DEFAULT '',              -- the instance of config that leads, or led last
    term bigint NOT NULL DEFAULT 0,               -- grows with every leader: what another term writes is refused
    held_until timestamptz NOT NULL DEFAULT '-infinity',   -- by this server's clock
    epoch bigint NOT NULL DEFAULT 0               -- of the assignment, grows with every change of it
) WITH (fillfactor = 10);
INSERT INTO routing DEFAULT VALUES;

-- What each instance of messaging last said. Written twice a second by each, so nothing here is indexed but the name, and rows have room to change in place.
CREATE TABLE members (
    instance text NOT NULL PRIMARY KEY,
    incarnation text NOT NULL,                    -- which start of the process
    former text,                                  -- the incarnation before: what still arrives of it is refused
    url text NOT NULL,
    epoch bigint NOT NULL,                        -- the highest it had seen
    bound text NOT NULL,                          -- sets of partitions are written as ranges: 0-119,240
    served text NOT NULL,
    is_leaving boolean NOT NULL,
    connections bigint NOT NULL,
    cpu double precision NOT NULL,
    outbound_bytes double precision NOT NULL,
    beats bigint NOT NULL DEFAULT 1,              -- heartbeats so far
    news bigint NOT NULL DEFAULT 1,               -- which of them was the last to say something new besides how busy it is
    beat_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 25, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- What each member is told to do, written by the leader alone.
CREATE TABLE assignments (
    instance text NOT NULL PRIMARY KEY,
    incarnation text NOT NULL,
    url text NOT NULL,
    bind text NOT NULL,
    serve text NOT NULL,
    route text NOT NULL
) WITH (fillfactor = 50);

-- Partitions on their way from one member to another, all of the same two at the same step in one row.
CREATE TABLE handovers (
    previous_instance text,                       -- nobody has them
    previous_incarnation text,
    next_instance text NOT NULL,
    next_incarnation text NOT NULL,
    since bigint NOT NULL,                        -- the epoch from which the next owner binds
    committed_at bigint,                          -- the epoch from which the previous one must not accept users; not yet
    partitions text NOT NULL
);
