-- The trace in which an order was placed: the W3C traceparent of the request, where it had one.

ALTER TABLE contents ADD COLUMN trace_parent TEXT;

-- What the engine writes into is made anew, with the column; its trigger goes with it.
DROP VIEW placings;

CREATE VIEW placings AS
SELECT serial, order_id, user_id, created_at, status, version, token, claim_id, lease_ends, processing_started_at,
       item_ids, total_amount, currency, attributes, trace_parent
FROM orders JOIN contents USING (serial);

CREATE TRIGGER placings_stored INSTEAD OF INSERT ON placings BEGIN
    INSERT INTO orders (serial, order_id, user_id, created_at, updated_at, status, version, round, token, attempts,
                        failures, vanished, cancel_requested, claim_id, lease_ends, processing_started_at)
    VALUES (NEW.serial, NEW.order_id, NEW.user_id, NEW.created_at, NEW.created_at, NEW.status, NEW.version, 1, NEW.token,
            NEW.token, 0, 0, 0, NEW.claim_id, NEW.lease_ends, NEW.processing_started_at);
    INSERT INTO contents (serial, item_ids, total_amount, currency, attributes, trace_parent)
    VALUES (NEW.serial, NEW.item_ids, NEW.total_amount, NEW.currency, NEW.attributes, NEW.trace_parent);
    INSERT INTO events (order_serial, version, type, at) VALUES (NEW.serial, 1, 'placed', NEW.created_at);
    INSERT INTO events (order_serial, version, type, at, token, attempt)
    SELECT NEW.serial, NEW.version, 'claimed', NEW.processing_started_at, NEW.token, 1 WHERE NEW.version = 2;
END;
