-- Which of these order ids and idempotency keys are taken by a transaction that has not ended yet.
--
-- Nothing shows what such a transaction has stored. Whoever stores the same waits for its end at the unique index, so
-- that is what is tried here for each name, for a moment and in a part of the transaction that is undone at once. It is
-- called only after a batch of orders had to wait for too long. What there is no time left for counts as taken.
CREATE FUNCTION order_engine.names_in_use(order_ids text[], keys text[], longest interval)
RETURNS TABLE (order_id text, key text) LANGUAGE plpgsql SET lock_timeout = '1ms' AS $$
#variable_conflict use_column
DECLARE
    started CONSTANT timestamptz := clock_timestamp();
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY order_ids LOOP
        BEGIN
            IF clock_timestamp() - started > longest THEN
                RAISE lock_not_available;
            END IF;
            INSERT INTO order_engine.contents (serial, created_at, order_id, user_id, item_ids, total_amount)
            VALUES (nextval('order_engine.serials'), started, wanted, '', '', '') ON CONFLICT (order_id) DO NOTHING;
            RAISE no_data_found;
        EXCEPTION
            WHEN no_data_found THEN NULL;
            WHEN lock_not_available THEN RETURN QUERY SELECT wanted, NULL::text;
        END;
    END LOOP;
    FOREACH wanted IN ARRAY keys LOOP
        BEGIN
            IF clock_timestamp() - started > longest THEN
                RAISE lock_not_available;
            END IF;
            INSERT INTO order_engine.idempotency_keys (key, order_id, order_id_made, fingerprint)
            VALUES (wanted, '', false, '') ON CONFLICT (key) DO NOTHING;
            RAISE no_data_found;
        EXCEPTION
            WHEN no_data_found THEN NULL;
            WHEN lock_not_available THEN RETURN QUERY SELECT NULL::text, wanted;
        END;
    END LOOP;
END
$$;
