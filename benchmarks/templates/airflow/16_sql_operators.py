import pendulum
from airflow.providers.common.sql.operators.sql import SQLColumnCheckOperator, SQLExecuteQueryOperator
from airflow.sdk import DAG

with DAG(
    dag_id="apples_in_sql",
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    default_args={"conn_id": "north_warehouse"},
) as pipeline:
    create = SQLExecuteQueryOperator(
        task_id="create",
        sql="CREATE TABLE IF NOT EXISTS apples (id INTEGER, weight INTEGER)",
    )
    insert = SQLExecuteQueryOperator(
        task_id="insert",
        sql="INSERT INTO apples VALUES (%(id)s, %(weight)s)",
        parameters={"id": 11, "weight": 17},
        split_statements=False,
    )
    check = SQLColumnCheckOperator(
        task_id="check",
        table="apples",
        column_mapping={"id": {"null_check": {"equal_to": 0}}, "weight": {"min": {"geq_to": 13}}},
    )
    create >> insert >> check

assert check.conn_id == "north_warehouse"
