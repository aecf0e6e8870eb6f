select
    orders.order_id,
    orders.day,
    orders.customer_id,
    products.category,
    orders.status,
    cast(orders.quantity * products.unit_price as decimal(12, 2)) as order_value
from {{ ref("stg_orders") }} as orders
inner join {{ ref("stg_products") }} as products on orders.product_id = products.product_id
