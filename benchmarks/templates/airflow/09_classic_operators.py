import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG


def count_apples(region: str, **context) -> int:
    return len(region) * 17


with DAG(
    dag_id="classic_apples",
    schedule="13 11 * * 1-5",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    default_args={"retries": 3, "retry_delay": pendulum.duration(minutes=13)},
) as pipeline:
    fetch = BashOperator(task_id="fetch", bash_command="echo apples > {{ params.file }}", params={"file": "north.txt"})
    count = PythonOperator(task_id="count", python_callable=count_apples, op_kwargs={"region": "north"})
    clean = BashOperator(task_id="clean", bash_command="rm -f {{ params.file }}", params={"file": "north.txt"})
    fetch >> count >> clean

assert [task.task_id for task in pipeline.topological_sort()] == ["fetch", "count", "clean"]
assert count.retries == 3
