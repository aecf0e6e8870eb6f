CREATE OR REPLACE STREAM orders_feed ON TABLE raw_orders; -- found

CREATE TASK copy_orders
  WAREHOUSE = loading
  WHEN SYSTEM$STREAM_HAS_DATA('orders_feed')
AS
  MERGE INTO orders t
  USING (
    SELECT * FROM orders_feed
    QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY METADATA$ACTION DESC) = 1
  ) s
  ON t.order_id = s.order_id
  WHEN MATCHED AND s.METADATA$ACTION = 'DELETE' THEN DELETE
  WHEN MATCHED THEN UPDATE SET cents = s.cents
  WHEN NOT MATCHED AND s.METADATA$ACTION = 'INSERT' THEN INSERT (order_id, cents) VALUES (s.order_id, s.cents);

ALTER TASK copy_orders RESUME;
