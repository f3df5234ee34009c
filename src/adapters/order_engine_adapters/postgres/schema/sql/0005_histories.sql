-- Which history of the database this is, so that after a restore of a dump no token is given a second time.
--
-- A dump leaves out what a generated column holds, so a restored row has the second of the restore there, beside the one
-- in which the schema was made. For that the function says that it always returns the same, which it does not.
SET LOCAL lock_timeout = '3s';

CREATE FUNCTION order_engine.second_of_writing() RETURNS bigint LANGUAGE sql IMMUTABLE
AS 'SELECT extract(epoch FROM clock_timestamp())::bigint';

ALTER TABLE order_engine.identity
    ADD COLUMN written_at bigint NOT NULL GENERATED ALWAYS AS (order_engine.second_of_writing()) STORED,
    ADD COLUMN made_at bigint;
-- An update computes again only what depends on the columns that it changes.
UPDATE order_engine.identity SET made_at = written_at;
ALTER TABLE order_engine.identity ALTER COLUMN made_at SET NOT NULL;
