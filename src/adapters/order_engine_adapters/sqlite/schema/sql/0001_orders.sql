-- Orders, their history, idempotency keys and counters.
--
-- Times are integers: microseconds since 1970-01-01 UTC. Amounts are text, to the last digit.
-- Everything that one action changes is in `orders`; what never changes and may be large is in `contents`, so that a
-- change of state does not write it again.

CREATE TABLE identity (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    name     TEXT NOT NULL
) STRICT;

-- Tells this database's cursors from those of another one.
INSERT INTO identity VALUES (1, lower(hex(randomblob(8))));

CREATE TABLE orders (
    serial                INTEGER PRIMARY KEY,
    order_id              TEXT    NOT NULL UNIQUE,
    user_id               TEXT    NOT NULL,
    created_at            INTEGER NOT NULL,
    updated_at            INTEGER NOT NULL,
    status                TEXT    NOT NULL CHECK (status IN ('Pending', 'Processing', 'Completed', 'Failed', 'Cancelled')),
    version               INTEGER NOT NULL CHECK (version >= 1),
    round                 INTEGER NOT NULL CHECK (round >= 1),
    token                 INTEGER NOT NULL CHECK (token >= 0),
    attempts              INTEGER NOT NULL CHECK (attempts >= 0),
    failures              INTEGER NOT NULL CHECK (failures >= 0),
    vanished              INTEGER NOT NULL CHECK (vanished >= 0),
    cancel_requested      INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
    claim_id              TEXT,
    lease_ends            INTEGER CHECK (lease_ends IS NULL OR status = 'Processing'),
    due                   INTEGER,
    processing_started_at INTEGER,
    ended_at              INTEGER,
    failure               TEXT,
    suspect               INTEGER GENERATED ALWAYS AS (vanished > 0) VIRTUAL,
    CHECK ((ended_at IS NOT NULL) = (status IN ('Completed', 'Failed', 'Cancelled'))),
    CHECK (due IS NULL OR (lease_ends IS NULL AND ended_at IS NULL))
) STRICT;

-- Lists, newest first. The id, which decides between orders of one time, is not in the indexes: only orders that were
-- placed in one transaction have the same time, and sorting these few costs less than an id in every entry.
CREATE INDEX orders_by_age ON orders (created_at);
CREATE INDEX orders_by_user ON orders (user_id, created_at);
CREATE INDEX orders_by_status ON orders (status, created_at);
CREATE INDEX orders_unsuccessful ON orders (user_id, status, created_at) WHERE status IN ('Failed', 'Cancelled');

-- Claims. An ended order is in none of these; an open one is in the last two, or in one of the others.
CREATE INDEX orders_at_once ON orders (suspect, updated_at) WHERE ended_at IS NULL AND lease_ends IS NULL AND due IS NULL;
CREATE INDEX orders_later ON orders (suspect, due) WHERE due IS NOT NULL;
CREATE INDEX orders_held ON orders (lease_ends, vanished, cancel_requested) WHERE lease_ends IS NOT NULL;
CREATE INDEX orders_of_claim ON orders (claim_id) WHERE lease_ends IS NOT NULL;

CREATE TABLE contents (
    serial       INTEGER PRIMARY KEY REFERENCES orders (serial),
    item_ids     TEXT NOT NULL,
    total_amount TEXT NOT NULL,
    currency     TEXT,
    attributes   TEXT
) STRICT;

-- One writer at a time, so that the serial numbers are in the order of the commits.
CREATE TABLE events (
    serial       INTEGER PRIMARY KEY,
    order_serial INTEGER NOT NULL REFERENCES orders (serial),
    version      INTEGER NOT NULL,
    type         TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    token        INTEGER,
    attempt      INTEGER,
    reason       TEXT,
    UNIQUE (order_serial, version)
) STRICT;

CREATE TABLE idempotency_keys (
    key           TEXT PRIMARY KEY,
    order_id      TEXT    NOT NULL,
    order_id_made INTEGER NOT NULL,
    fingerprint   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Empty, but for the moment in which the engine tries whether the disk has room again.
CREATE TABLE room (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    filler   BLOB NOT NULL
) STRICT;

CREATE TABLE statistics (
    only_row                INTEGER PRIMARY KEY CHECK (only_row = 1),
    total_orders            INTEGER NOT NULL DEFAULT 0,
    pending                 INTEGER NOT NULL DEFAULT 0 CHECK (pending >= 0),
    processing              INTEGER NOT NULL DEFAULT 0 CHECK (processing >= 0),
    completed               INTEGER NOT NULL DEFAULT 0 CHECK (completed >= 0),
    failed                  INTEGER NOT NULL DEFAULT 0 CHECK (failed >= 0),
    cancelled               INTEGER NOT NULL DEFAULT 0 CHECK (cancelled >= 0),
    processing_microseconds INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO statistics (only_row) VALUES (1);

-- The counters follow the orders by themselves, so that they are exact whoever writes.

CREATE TRIGGER orders_counted_when_placed AFTER INSERT ON orders BEGIN
    UPDATE statistics SET
        total_orders = total_orders + 1,
        pending      = pending + (NEW.status = 'Pending'),
        processing   = processing + (NEW.status = 'Processing');
END;

CREATE TRIGGER orders_counted_when_changed AFTER UPDATE OF status ON orders WHEN NEW.status <> OLD.status BEGIN
    UPDATE statistics SET
        pending    = pending + (NEW.status = 'Pending') - (OLD.status = 'Pending'),
        processing = processing + (NEW.status = 'Processing') - (OLD.status = 'Processing'),
        completed  = completed + (NEW.status = 'Completed') - (OLD.status = 'Completed'),
        failed     = failed + (NEW.status = 'Failed') - (OLD.status = 'Failed'),
        cancelled  = cancelled + (NEW.status = 'Cancelled') - (OLD.status = 'Cancelled'),
        processing_microseconds = processing_microseconds
            + iif(NEW.status = 'Completed', NEW.ended_at - NEW.processing_started_at, 0);
END;

-- What the engine writes into: each row is one step of one order, with everything that belongs to it. So a whole batch,
-- tables and commit included, is one statement; `statements.py` says why that counts.

CREATE VIEW placings AS
SELECT serial, order_id, user_id, created_at, status, version, token, claim_id, lease_ends, processing_started_at,
       item_ids, total_amount, currency, attributes
FROM orders JOIN contents USING (serial);

-- A new order is Pending at version 1, or born claimed at version 2 under its first token.
CREATE TRIGGER placings_stored INSTEAD OF INSERT ON placings BEGIN
    INSERT INTO orders (serial, order_id, user_id, created_at, updated_at, status, version, round, token, attempts,
                        failures, vanished, cancel_requested, claim_id, lease_ends, processing_started_at)
    VALUES (NEW.serial, NEW.order_id, NEW.user_id, NEW.created_at, NEW.created_at, NEW.status, NEW.version, 1, NEW.token,
            NEW.token, 0, 0, 0, NEW.claim_id, NEW.lease_ends, NEW.processing_started_at);
    INSERT INTO contents (serial, item_ids, total_amount, currency, attributes)
    VALUES (NEW.serial, NEW.item_ids, NEW.total_amount, NEW.currency, NEW.attributes);
    INSERT INTO events (order_serial, version, type, at) VALUES (NEW.serial, 1, 'placed', NEW.created_at);
    INSERT INTO events (order_serial, version, type, at, token, attempt)
    SELECT NEW.serial, NEW.version, 'claimed', NEW.processing_started_at, NEW.token, 1 WHERE NEW.version = 2;
END;

CREATE VIEW steps AS
SELECT orders.serial, orders.updated_at, orders.status, orders.version, round, orders.token, attempts, failures, vanished,
       cancel_requested, claim_id, lease_ends, due, processing_started_at, ended_at, failure,
       type AS event_type, events.token AS event_token, attempt AS event_attempt, reason AS event_reason
FROM orders JOIN events ON events.order_serial = orders.serial AND events.version = orders.version;

-- A step without an event is a renewal, which changes no version.
CREATE TRIGGER steps_stored INSTEAD OF INSERT ON steps BEGIN
    UPDATE orders SET updated_at = NEW.updated_at, status = NEW.status, version = NEW.version, round = NEW.round,
        token = NEW.token, attempts = NEW.attempts, failures = NEW.failures, vanished = NEW.vanished,
        cancel_requested = NEW.cancel_requested, claim_id = NEW.claim_id, lease_ends = NEW.lease_ends, due = NEW.due,
        processing_started_at = NEW.processing_started_at, ended_at = NEW.ended_at, failure = NEW.failure
    WHERE serial = NEW.serial;
    INSERT INTO events (order_serial, version, type, at, token, attempt, reason)
    SELECT NEW.serial, NEW.version, NEW.event_type, NEW.updated_at, NEW.event_token, NEW.event_attempt, NEW.event_reason
    WHERE NEW.event_type IS NOT NULL;
END;
