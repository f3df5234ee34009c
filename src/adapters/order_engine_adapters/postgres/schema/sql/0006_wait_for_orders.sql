-- Wait until one of these orders is free, the one whose lease ends first: it is locked for the caller's transaction then.
--
-- Whoever waits at a locked row is the first to have it. That time is over is no error, which the server's log would
-- tell of four times a second for as long as somebody keeps an order locked.
CREATE FUNCTION order_engine.wait_for_order(order_ids text[]) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '250ms' AS $$
BEGIN
    PERFORM FROM order_engine.orders WHERE serial = (
        SELECT o.serial FROM unnest(order_ids) AS wanted (order_id)
        JOIN order_engine.contents AS c ON c.order_id = wanted.order_id
        JOIN order_engine.orders AS o ON o.serial = c.serial
        ORDER BY o.lease_ends, o.serial LIMIT 1
    ) FOR NO KEY UPDATE;
EXCEPTION
    WHEN lock_not_available THEN NULL;
END
$$;
