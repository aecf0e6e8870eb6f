CREATE TASK check_orders WAREHOUSE = loading SCHEDULE = 'USING CRON 17 6 * * * UTC' AS
  SELECT count(*) FROM raw_orders;

CREATE TASK copy_orders -- found
  WAREHOUSE = loading
  AFTER check_orders
AS
  INSERT INTO orders SELECT order_id, cents FROM raw_orders;

ALTER TASK check_orders RESUME;
