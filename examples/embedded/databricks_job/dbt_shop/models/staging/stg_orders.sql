{{ config(materialized="view") }}
select order_id, day, country, cents from shop.orders
