-- Orders, their history, idempotency keys and counters.
--
-- Names are written with the schema order_engine; where another one is chosen, it stands in its place.
-- Amounts, items and attributes are text, to the last digit and character.
-- What never changes and may be large is in `contents`; what the actions change is in `orders`, whose rows are narrow.
-- There are no foreign keys: rows are never deleted, both sides are written by one statement, and checking would cost a
-- look-up for every row.

CREATE TABLE order_engine.identity (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    name     text    NOT NULL
);

-- Tells this database's cursors from those of another one.
INSERT INTO order_engine.identity (name) VALUES (substr(replace(gen_random_uuid()::text, '-', ''), 1, 16));

-- The time of everything that is stored. Tests replace it.
CREATE FUNCTION order_engine.order_engine_now() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';

CREATE SEQUENCE order_engine.serials AS bigint;

CREATE TABLE order_engine.contents (
    serial       bigint      PRIMARY KEY,
    created_at   timestamptz NOT NULL,
    order_id     text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C" NOT NULL,
    item_ids     text        NOT NULL,
    total_amount text        NOT NULL,
    currency     text,
    attributes   text
);

CREATE UNIQUE INDEX contents_order_id ON order_engine.contents (order_id);
CREATE INDEX contents_by_age ON order_engine.contents (created_at);
CREATE INDEX contents_by_user ON order_engine.contents (user_id, created_at);

CREATE TABLE order_engine.orders (
    serial                bigint      NOT NULL,
    token                 bigint      NOT NULL CHECK (token >= 0),
    created_at            timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    lease_ends            timestamptz,
    due                   timestamptz,
    processing_started_at timestamptz,
    ended_at              timestamptz,
    version               integer     NOT NULL CHECK (version >= 1),
    round                 integer     NOT NULL CHECK (round >= 1),
    attempts              integer     NOT NULL CHECK (attempts >= 0),
    failures              integer     NOT NULL CHECK (failures >= 0),
    vanished              integer     NOT NULL CHECK (vanished >= 0),
    cancel_requested      boolean     NOT NULL,
    status                text COLLATE "C" NOT NULL
        CHECK (status IN ('Pending', 'Processing', 'Completed', 'Failed', 'Cancelled')),
    claim_id              text COLLATE "C",
    failure               text,
    CONSTRAINT orders_pkey PRIMARY KEY (serial) WITH (fillfactor = 80),
    CHECK ((ended_at IS NOT NULL) = (status IN ('Completed', 'Failed', 'Cancelled'))),
    CHECK (lease_ends IS NULL OR status = 'Processing'),
    CHECK (due IS NULL OR (lease_ends IS NULL AND ended_at IS NULL))
) WITH (
    -- Every order is written two or three times within seconds: room beside it, and cleaning soon and without pauses.
    fillfactor = 75,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX orders_by_status ON order_engine.orders (status, created_at);

-- Claims. An ended order is in none of these.
CREATE INDEX orders_ready ON order_engine.orders (updated_at, serial)
    WHERE lease_ends IS NULL AND ended_at IS NULL AND due IS NULL AND vanished = 0;
CREATE INDEX orders_later ON order_engine.orders (due, serial) WHERE due IS NOT NULL AND vanished = 0;
CREATE INDEX orders_suspect ON order_engine.orders ((coalesce(due, updated_at)), serial)
    WHERE lease_ends IS NULL AND ended_at IS NULL AND vanished > 0;
CREATE INDEX orders_held ON order_engine.orders (lease_ends, serial) WHERE lease_ends IS NOT NULL;
-- Its condition says more than it must, so that nothing but a question for one claim can be answered by it.
CREATE INDEX orders_of_claim ON order_engine.orders (claim_id) WHERE lease_ends IS NOT NULL AND status = 'Processing';

-- The serial numbers of one order's events are in the order of its versions: they are drawn while its row is locked, and
-- the sequence hands out one at a time. Between orders they are in no order of commits; `transaction_id` is for that.
CREATE TABLE order_engine.events (
    serial         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_serial   bigint      NOT NULL,
    transaction_id xid8        NOT NULL DEFAULT pg_current_xact_id(),
    at             timestamptz NOT NULL,
    token          bigint,
    version        integer     NOT NULL,
    attempt        integer,
    type           text COLLATE "C" NOT NULL,
    reason         text
) WITH (autovacuum_vacuum_insert_scale_factor = 0.1);

CREATE UNIQUE INDEX events_of_order ON order_engine.events (order_serial, version);
CREATE INDEX events_of_transaction ON order_engine.events (transaction_id);

CREATE TABLE order_engine.idempotency_keys (
    key           text COLLATE "C" PRIMARY KEY,
    order_id      text COLLATE "C" NOT NULL,
    order_id_made boolean NOT NULL,
    fingerprint   bytea   NOT NULL
);

-- Each writer adds to a row that nobody else has locked, and makes one where there is none: nobody waits, however long
-- a transaction stays open. The statistics are the sum of all rows.
CREATE TABLE order_engine.counters (
    slot                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    total_orders            bigint NOT NULL,
    pending                 bigint NOT NULL,
    processing              bigint NOT NULL,
    completed               bigint NOT NULL,
    failed                  bigint NOT NULL,
    cancelled               bigint NOT NULL,
    processing_microseconds bigint NOT NULL
) WITH (fillfactor = 30, autovacuum_vacuum_threshold = 200, autovacuum_vacuum_cost_delay = 0);

-- A transaction that sees an older snapshot may not change a row that changed since: it makes a row of its own.
CREATE FUNCTION order_engine.count_orders(
    more_total bigint, more_pending bigint, more_processing bigint, more_completed bigint, more_failed bigint,
    more_cancelled bigint, more_microseconds bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    taken bigint;
BEGIN
    IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        SELECT slot INTO taken FROM order_engine.counters LIMIT 1 FOR UPDATE SKIP LOCKED;
    END IF;
    IF taken IS NULL THEN
        INSERT INTO order_engine.counters (total_orders, pending, processing, completed, failed, cancelled,
                                           processing_microseconds)
        VALUES (more_total, more_pending, more_processing, more_completed, more_failed, more_cancelled,
                more_microseconds);
    ELSE
        UPDATE order_engine.counters SET
            total_orders = total_orders + more_total,
            pending = pending + more_pending,
            processing = processing + more_processing,
            completed = completed + more_completed,
            failed = failed + more_failed,
            cancelled = cancelled + more_cancelled,
            processing_microseconds = processing_microseconds + more_microseconds
        WHERE slot = taken;
    END IF;
END
$$;

-- Microseconds of processing of one order, exactly: the epoch of an interval is a numeric.
CREATE FUNCTION order_engine.microseconds_between(started timestamptz, ended timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE AS 'SELECT (extract(epoch FROM ended - started) * 1000000)::bigint';

-- The counters follow the orders by themselves, so that they are exact whoever writes.

CREATE FUNCTION order_engine.count_placed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM order_engine.count_orders(total, pending, total - pending, 0, 0, 0, 0)
    FROM (SELECT count(*) AS total, count(*) FILTER (WHERE status = 'Pending') AS pending FROM placed) AS counted
    WHERE total > 0;
    RETURN NULL;
END
$$;

CREATE TRIGGER orders_counted_when_placed AFTER INSERT ON order_engine.orders
    REFERENCING NEW TABLE AS placed FOR EACH STATEMENT EXECUTE FUNCTION order_engine.count_placed();

CREATE FUNCTION order_engine.count_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM order_engine.count_orders(0, pending, processing, completed, failed, cancelled, microseconds)
    FROM (
        SELECT
            coalesce(sum(sign) FILTER (WHERE status = 'Pending'), 0) AS pending,
            coalesce(sum(sign) FILTER (WHERE status = 'Processing'), 0) AS processing,
            coalesce(sum(sign) FILTER (WHERE status = 'Completed'), 0) AS completed,
            coalesce(sum(sign) FILTER (WHERE status = 'Failed'), 0) AS failed,
            coalesce(sum(sign) FILTER (WHERE status = 'Cancelled'), 0) AS cancelled,
            coalesce(sum(sign * order_engine.microseconds_between(processing_started_at, ended_at))
                     FILTER (WHERE status = 'Completed'), 0)::bigint AS microseconds
        FROM (SELECT 1 AS sign, status, processing_started_at, ended_at FROM after
              UNION ALL SELECT -1, status, processing_started_at, ended_at FROM before) AS sides
    ) AS counted
    WHERE pending <> 0 OR processing <> 0 OR completed <> 0 OR failed <> 0 OR cancelled <> 0 OR microseconds <> 0;
    RETURN NULL;
END
$$;

CREATE TRIGGER orders_counted_when_changed AFTER UPDATE ON order_engine.orders
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION order_engine.count_changed();

-- Whether a claim holds nothing yet. Two calls of one claim come here one after the other, and the second one sees what
-- the first has committed: within a function a query has a newer snapshot than the statement that called it.
CREATE FUNCTION order_engine.claim_is_new(wanted text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(wanted, 0));
    RETURN NOT EXISTS (
        SELECT FROM order_engine.orders
        WHERE claim_id = wanted AND lease_ends IS NOT NULL AND status = 'Processing'
    );
END
$$;
