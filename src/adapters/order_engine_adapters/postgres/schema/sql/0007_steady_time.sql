-- Time that goes on where the server's clock is set back.
--
-- What waits for its time (a retry, the lease of a process that died) would wait longer by as much. So the time of what
-- is stored goes on from where it was, a tenth slower, until the server's clock has caught up. The processes notice that
-- the clock was set, by their own monotonic clocks, and `correct_time` keeps by how many seconds the time is ahead, and
-- what the server's clock said then. The row is the one that every database has already, so that no new right is needed.
--
-- As in migration 3, this gives up before the calls of those that have to wait behind it do.
SET LOCAL lock_timeout = '3s';

ALTER TABLE order_engine.identity
    ADD COLUMN time_ahead double precision NOT NULL DEFAULT 0,
    ADD COLUMN time_set_at timestamptz NOT NULL DEFAULT 'epoch';

-- What the server's clock says. Tests replace it.
CREATE FUNCTION order_engine.time_of_day() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';

CREATE OR REPLACE FUNCTION order_engine.order_engine_now() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    shown CONSTANT timestamptz := order_engine.time_of_day();
    ahead double precision;
    set_at timestamptz;
BEGIN
    SELECT time_ahead, time_set_at INTO ahead, set_at FROM order_engine.identity;
    IF ahead > 0 THEN
        RETURN shown + greatest(ahead - extract(epoch FROM shown - set_at) / 10, 0) * interval '1 second';
    END IF;
    RETURN shown;
END
$$;

-- Sets the time to between these two, and returns it; a day or more before the earliest, the server's clock is followed.
-- Processes that notice the same step ask for nearly the same, one after the other, and only the first changes much.
CREATE FUNCTION order_engine.correct_time(earliest timestamptz, latest timestamptz) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    shown timestamptz;
    ahead double precision;
BEGIN
    PERFORM FROM order_engine.identity FOR NO KEY UPDATE;
    shown := order_engine.time_of_day();
    ahead := extract(epoch FROM least(greatest(order_engine.order_engine_now(), earliest), latest) - shown);
    UPDATE order_engine.identity
    SET time_ahead = CASE WHEN ahead BETWEEN 0 AND 86400 THEN ahead ELSE 0 END, time_set_at = shown;
    RETURN order_engine.order_engine_now();
END
$$;
