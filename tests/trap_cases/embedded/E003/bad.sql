CREATE STREAM IF NOT EXISTS orders_feed ON TABLE raw_orders;

CREATE TASK copy_orders
  WAREHOUSE = loading
  WHEN SYSTEM$STREAM_HAS_DATA('orders_feed')
AS
  MERGE INTO orders t -- found
  USING (SELECT * FROM orders_feed WHERE METADATA$ACTION = 'INSERT') s
  ON t.order_id = s.order_id
  WHEN MATCHED THEN UPDATE SET cents = s.cents
  WHEN NOT MATCHED THEN INSERT (order_id, cents) VALUES (s.order_id, s.cents);

ALTER TASK copy_orders RESUME;
