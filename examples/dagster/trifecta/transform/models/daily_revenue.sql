{{ config(materialized="incremental", **replace_by_day()) }}

select day, cast(count(*) as integer) as orders, cast(sum(amount) as {{ dbt.type_numeric() }}) as revenue
from {{ ref("stg_orders") }}
where status = 'paid'
    and day >= cast('{{ var("min_day", "1970-01-01") }}' as date)
    and day < cast('{{ var("max_day", "9999-12-31") }}' as date)
group by day
