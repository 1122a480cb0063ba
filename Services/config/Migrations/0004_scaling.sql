-- The load of all instances of messaging together, the highest in each five minutes; a little more than a week is kept.
CREATE TABLE load_curve (
    slot bigint NOT NULL PRIMARY KEY,             -- five minutes since 1970
    connections double precision NOT NULL,
    cpu double precision NOT NULL,                -- processor seconds a second
    outbound_bytes double precision NOT NULL      -- a second
);
