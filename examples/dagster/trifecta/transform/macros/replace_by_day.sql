{# How each warehouse replaces the days of a run: dbt-bigquery has no delete+insert, it swaps whole partitions. #}
{% macro replace_by_day() -%}
    {{ return({
        "duckdb": {"incremental_strategy": "delete+insert", "unique_key": "day"},
        "snowflake": {"incremental_strategy": "delete+insert", "unique_key": "day"},
        "bigquery": {"incremental_strategy": "insert_overwrite", "partition_by": {"field": "day", "data_type": "date"}},
    }[target.type]) }}
{%- endmacro %}
