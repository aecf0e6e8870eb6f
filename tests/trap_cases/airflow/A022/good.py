"""A task that needs eight gigabytes."""

from airflow.sdk import DAG, task
from kubernetes.client import models as k8s

BIG = k8s.V1Pod(
    spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base", resources=k8s.V1ResourceRequirements(limits={"memory": "8Gi"}))])
)

with DAG("train_with_memory", schedule=None):

    @task(executor_config={"pod_override": BIG})
    def train() -> int:
        return 1

    train()
