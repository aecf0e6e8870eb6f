{{ config(materialized="incremental", incremental_strategy="delete+insert", unique_key="day", tags=["daily"]) }}

-- Days of the window [min_day, max_day); without the vars: everything. A day that is loaded again replaces itself.
select
    day,
    cast(count(*) as integer) as orders,
    cast(sum(order_value) as decimal(12, 2)) as revenue
from {{ ref("order_values") }}
where status = 'paid'
{% if var("min_day", none) %}
    and day >= cast('{{ var("min_day") }}' as date) and day < cast('{{ var("max_day") }}' as date)
{% endif %}
group by day
