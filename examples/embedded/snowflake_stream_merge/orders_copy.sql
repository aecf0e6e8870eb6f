-- `orders` follows every insert, update and delete of raw_orders, `order_changes` keeps what happened.
ALTER TASK IF EXISTS copy_orders SUSPEND;

CREATE TABLE IF NOT EXISTS orders (order_id INT, cents INT, changed_at TIMESTAMP_NTZ);
CREATE TABLE IF NOT EXISTS order_changes (order_id INT, cents INT, action VARCHAR);
-- IF NOT EXISTS: a replaced stream forgets what was not merged yet. SHOW_INITIAL_ROWS: the first run copies what is there.
CREATE STREAM IF NOT EXISTS orders_feed ON TABLE raw_orders SHOW_INITIAL_ROWS = TRUE;

CREATE OR ALTER TASK copy_orders
  TARGET_COMPLETION_INTERVAL = '5 MINUTES'             -- serverless and triggered: no WAREHOUSE, no SCHEDULE
  USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS = 60
  USER_TASK_TIMEOUT_MS = 600000
  SUSPEND_TASK_AFTER_NUM_FAILURES = 3
  WHEN SYSTEM$STREAM_HAS_DATA('orders_feed')
AS
BEGIN
  -- both statements see the same rows; if one fails, the stream keeps them
  BEGIN TRANSACTION;
  MERGE INTO orders t
  USING (
    SELECT * FROM orders_feed  -- one row for each key: its INSERT, else its DELETE
    QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY METADATA$ACTION DESC, changed_at DESC) = 1
  ) s
  ON t.order_id = s.order_id
  WHEN MATCHED AND s.METADATA$ACTION = 'DELETE' THEN DELETE
  WHEN MATCHED THEN UPDATE SET cents = s.cents, changed_at = s.changed_at
  WHEN NOT MATCHED AND s.METADATA$ACTION = 'INSERT' THEN
    INSERT (order_id, cents, changed_at) VALUES (s.order_id, s.cents, s.changed_at);
  INSERT INTO order_changes SELECT order_id, cents, METADATA$ACTION FROM orders_feed;
  COMMIT;
END;

ALTER TASK copy_orders RESUME;
