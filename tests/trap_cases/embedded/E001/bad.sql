CREATE TASK copy_orders -- found
  WAREHOUSE = loading
  SCHEDULE = 'USING CRON 17 6 * * * UTC'
AS
  INSERT INTO orders SELECT order_id, cents FROM raw_orders;
