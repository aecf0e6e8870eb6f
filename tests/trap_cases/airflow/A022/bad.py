"""A task that needs eight gigabytes, one letter short."""

from airflow.sdk import DAG, task
from kubernetes.client import models as k8s

BIG = k8s.V1Pod(
    spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base", resources=k8s.V1ResourceRequirements(limits={"memory": "8Gi"}))])
)

with DAG("train", schedule=None):

    @task(executor_config={"pod_overide": BIG})
    def train() -> int:  # found
        return 1

    train()
