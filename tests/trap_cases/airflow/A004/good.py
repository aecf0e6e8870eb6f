"""How many runs the DAG had, asked of the Execution API."""

from airflow.sdk import DAG, task

with DAG("count_runs", schedule="@daily"):

    @task
    def count(dag, ti) -> int:
        return ti.get_dr_count(dag.dag_id)

    count()
