CREATE STREAM IF NOT EXISTS orders_feed ON TABLE raw_orders;

CREATE TASK copy_orders -- found
  WAREHOUSE = loading
  WHEN SYSTEM$STREAM_HAS_DATA('orders_feed')
AS
BEGIN
  INSERT INTO order_changes SELECT order_id, cents FROM orders_feed WHERE METADATA$ACTION = 'INSERT';
  INSERT INTO orders SELECT order_id, cents FROM orders_feed WHERE METADATA$ACTION = 'INSERT';
END;

ALTER TASK copy_orders RESUME;
