-- The trace in which an order was placed: the W3C traceparent of the request, where it had one.
--
-- A column without a default is written into the catalog alone: no row is touched, however many there are. It needs the
-- table to itself for that moment. Whoever waits for a table to be free makes all others wait behind it, so this gives up
-- before their calls do; beside a transaction that is open for long it is tried again later.
SET LOCAL lock_timeout = '3s';

ALTER TABLE order_engine.contents ADD COLUMN trace_parent text;
