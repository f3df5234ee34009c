-- Cleaning the hot table.
--
-- Each order leaves dead entries in the indexes of the claims, where claims pass over them until they are cleaned. Where
-- few pages have dead rows, cleaning leaves the indexes alone by default: of a large table's orders, those of a whole day
-- may be in so few pages. And a fiftieth of a large table is too much to wait for.
ALTER TABLE order_engine.orders SET (
    vacuum_index_cleanup = on,
    autovacuum_vacuum_scale_factor = 0.005,
    autovacuum_vacuum_threshold = 10000
);
