-- Sessions that end by themselves are told of as those that are ended: live connections are cut by it. Found once a second, so by an index that has
-- none of those that are over.
CREATE INDEX sessions_living_by_end ON sessions (expires_at) WHERE revoked_at IS NULL;
