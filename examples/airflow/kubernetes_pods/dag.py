"""Give one task more memory and a volume, and another executor to a task that needs none of it.

What: pod_override for one task, a template file for all, both held against Kubernetes' own types without a cluster.
When: Kubernetes executor. The others ignore executor_config; where all tasks are alike the template file is enough.
Run: AIRFLOW__CORE__DAGS_FOLDER=$PWD/dag.py airflow dags test kubernetes_pods_train
Expect: green here, with any executor; in a cluster the task train gets 8Gi, and the others what pod_template.yaml says.
"""

from __future__ import annotations

from airflow.sdk import dag, task
from kubernetes.client import models as k8s

LARGE = k8s.V1Pod(
    spec=k8s.V1PodSpec(
        containers=[
            k8s.V1Container(
                name="base",  # the task's own container: merged by position, so it comes first, under this name
                # with the CPU of the template: these replace its resources whole
                resources=k8s.V1ResourceRequirements(requests={"cpu": "250m", "memory": "4Gi"}, limits={"memory": "8Gi"}),
            )
        ],
        node_selector={"size": "large"},
    )
)


@dag(schedule=None, tags=["shop"])
def kubernetes_pods_train() -> None:
    """Two tasks, one of them large."""

    @task
    def read() -> list[int]:
        return [1250, 499, 800]

    @task(executor_config={"pod_override": LARGE})
    def train(orders: list[int]) -> int:
        return sum(orders)

    train(read())


kubernetes_pods_train()
