"""How many runs the DAG had, asked of the metadata database."""

from airflow.sdk import DAG, task

with DAG("count_runs", schedule="@daily"):

    @task
    def count(dag) -> int:  # found
        from airflow.models import DagRun
        from airflow.utils.session import create_session

        with create_session() as session:
            return session.query(DagRun).filter(DagRun.dag_id == dag.dag_id).count()

    count()
