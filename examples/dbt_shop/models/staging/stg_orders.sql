select
    cast(order_id as integer) as order_id,
    cast(ordered_at as timestamp) as ordered_at,
    cast(ordered_at as date) as day,
    cast(customer_id as integer) as customer_id,
    cast(product_id as integer) as product_id,
    cast(quantity as integer) as quantity,
    lower(status) as status
from {{ source("raw_shop", "orders") }}
