-- What is fixed when a deployment starts for the first time. One row.
CREATE TABLE deployment (
    id boolean NOT NULL PRIMARY KEY DEFAULT TRUE CHECK (id),
    partition_count integer NOT NULL CHECK (partition_count BETWEEN 1 AND 20000)
);
