-- The nightly graph of the shop. Apply the whole file: the root is suspended first and resumed last.
ALTER TASK IF EXISTS load_orders SUSPEND;

CREATE TABLE IF NOT EXISTS raw_orders (order_id INT, day DATE, cents INT);
CREATE TABLE IF NOT EXISTS revenue (day DATE, cents INT);
CREATE TABLE IF NOT EXISTS graph_log (graph_run VARCHAR, task VARCHAR, note VARCHAR, ended TIMESTAMP_LTZ);

CREATE OR ALTER TASK load_orders
  WAREHOUSE = loading
  SCHEDULE = 'USING CRON 17 6 * * * UTC'  -- UTC: between 1:00 and 3:00 local time a tick can come twice or never
  CONFIG = $${"environment": "prod", "keep_days": 30}$$
  OVERLAP_POLICY = NO_OVERLAP             -- a run that takes longer than the schedule skips the next tick
  USER_TASK_TIMEOUT_MS = 3600000          -- on the root: of the whole graph
  TASK_AUTO_RETRY_ATTEMPTS = 2            -- of the graph, from the task that failed
  SUSPEND_TASK_AFTER_NUM_FAILURES = 3     -- then no run at all until somebody resumes it
AS
BEGIN
  COPY INTO raw_orders FROM @orders_stage FILE_FORMAT = (TYPE = CSV);  -- a file that was loaded is not loaded again
  LET orders VARCHAR := (SELECT COUNT(*)::VARCHAR FROM raw_orders WHERE day >= CURRENT_DATE - 1);
  CALL SYSTEM$SET_RETURN_VALUE(:orders);                               -- a string
END;

CREATE OR ALTER TASK daily_revenue
  WAREHOUSE = transforming
  USER_TASK_TIMEOUT_MS = 600000
  AFTER load_orders
  WHEN SYSTEM$GET_PREDECESSOR_RETURN_VALUE('LOAD_ORDERS')::INT > 0
AS
  INSERT OVERWRITE INTO revenue SELECT day, SUM(cents) FROM raw_orders GROUP BY day;

CREATE OR ALTER TASK forget_orders          -- serverless: no WAREHOUSE; its owner needs EXECUTE MANAGED TASK
  USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE = 'XSMALL'
  AFTER load_orders
AS
  DELETE FROM raw_orders WHERE day < DATEADD(day, -SYSTEM$GET_TASK_GRAPH_CONFIG('keep_days')::INT, CURRENT_DATE);

CREATE OR ALTER TASK publish
  WAREHOUSE = transforming
  AFTER daily_revenue, forget_orders
AS
  CREATE OR REPLACE TABLE shop_revenue CLONE revenue;

CREATE OR ALTER TASK note_the_end           -- runs after success and after failure, not when the root was skipped
  WAREHOUSE = loading
  FINALIZE = load_orders
AS
BEGIN
  LET root VARCHAR := (SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_UUID'));
  LET began TIMESTAMP_LTZ := (SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP'));
  INSERT INTO graph_log
  SELECT GRAPH_RUN_GROUP_ID, NAME, STATE || COALESCE(': ' || ERROR_MESSAGE, ''), COMPLETED_TIME
  FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(ROOT_TASK_ID => :root, SCHEDULED_TIME_RANGE_START => :began))
  WHERE STATE IN ('FAILED', 'FAILED_AND_AUTO_SUSPENDED', 'CANCELLED');
END;

ALTER TASK daily_revenue RESUME;            -- a child left suspended counts as done: the graph goes on without it
ALTER TASK forget_orders RESUME;
ALTER TASK publish RESUME;
ALTER TASK note_the_end RESUME;
ALTER TASK load_orders RESUME;
