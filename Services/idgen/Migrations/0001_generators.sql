-- The generator numbers. Milliseconds count from 2024-01-01T00:00:00Z, on the holders' clocks.
CREATE TABLE generators (
    number smallint PRIMARY KEY CHECK (number BETWEEN 0 AND 1023),
    -- For people: who has it, or had it last.
    holder text NOT NULL DEFAULT '',
    -- Grows with every holder, so that one that was stopped and wakes up learns that the number is no longer its own.
    fence bigint NOT NULL DEFAULT 0,
    -- Ids have been issued for milliseconds below this only. The number is free once it has passed; the next holder begins here.
    mark bigint NOT NULL DEFAULT 0,
    taken_at timestamptz,
    raised_at timestamptz
);
INSERT INTO generators (number) SELECT generate_series(0, 1023);
-- Whoever takes a number takes the one that has rested longest.
CREATE INDEX generators_by_mark ON generators (mark, number);
