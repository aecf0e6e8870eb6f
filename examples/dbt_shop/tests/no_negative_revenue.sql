-- Every row returned is a failure.
select day, revenue
from {{ ref("daily_revenue") }}
where revenue < 0
