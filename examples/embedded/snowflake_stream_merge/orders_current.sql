-- The same copy, declared: no stream, no task, no MERGE. For sources that only append versions of a row.
CREATE OR REPLACE DYNAMIC TABLE orders_current
  TARGET_LAG = '5 minutes'     -- DOWNSTREAM: only when another dynamic table reads it; alone it is never refreshed
  WAREHOUSE = transforming
  REFRESH_MODE = INCREMENTAL   -- AUTO may settle on FULL when the table is made, and says so only in SHOW DYNAMIC TABLES
  INITIALIZE = ON_CREATE
AS
SELECT order_id, cents, changed_at
FROM order_versions
QUALIFY ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY changed_at DESC) = 1
  AND NOT is_deleted;
