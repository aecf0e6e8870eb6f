select
    cast(order_id as integer) as order_id,
    cast(day as date) as day,
    cast(customer_id as integer) as customer_id,
    cast(amount as {{ dbt.type_numeric() }}) as amount,
    lower(status) as status
from {{ source("raw_shop", "orders") }}
