-- What all rows that are made from events were last made by. No row where nobody said: they are of an earlier version.
CREATE TABLE shape (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    shape TEXT COLLATE "C" NOT NULL
);
