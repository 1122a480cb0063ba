-- Dynamic configuration: the values of each section as they are now.
CREATE TABLE sections (
    name text PRIMARY KEY,
    version bigint NOT NULL CHECK (version >= 1),
    -- An object: what a release does not know is kept.
    content jsonb NOT NULL CHECK (jsonb_typeof(content) = 'object'),
    changed_at timestamptz NOT NULL,
    -- The user; none until somebody has changed it.
    changed_by bigint
);

-- Who made which version out of what. The last 1,000 of a section are kept.
CREATE TABLE section_changes (
    section text NOT NULL,
    version bigint NOT NULL,
    before jsonb NOT NULL,
    after jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by bigint,
    PRIMARY KEY (section, version)
);
