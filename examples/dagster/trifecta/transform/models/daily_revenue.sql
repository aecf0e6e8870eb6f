{{ config(materialized="incremental", incremental_strategy="delete+insert", unique_key="day") }}

select day, cast(count(*) as integer) as orders, cast(sum(amount) as decimal(12, 2)) as revenue
from {{ ref("stg_orders") }}
where status = 'paid'
    and day >= cast('{{ var("min_day", "1970-01-01") }}' as date)
    and day < cast('{{ var("max_day", "9999-12-31") }}' as date)
group by day
