from prefect import flow, task
from prefect.client.schemas.objects import TaskRun
from prefect.states import State
from prefect.tasks import exponential_backoff


class ApplesBusyError(RuntimeError):
    """The service asks to come back later."""


def is_temporary(task_: object, run: TaskRun, state: State) -> bool:
    return isinstance(state.data, ApplesBusyError)


@task(
    retries=3,
    retry_delay_seconds=exponential_backoff(backoff_factor=13),
    retry_jitter_factor=0.5,
    retry_condition_fn=is_temporary,
)
def ask_north(limit: int) -> int:
    return limit * 17


@flow(retries=1, retry_delay_seconds=11, timeout_seconds=1700)
def ask_for_apples() -> int:
    return ask_north(11)


assert ask_north.retry_delay_seconds == [13 * factor for factor in (1, 2, 4)]
assert ask_north.fn(11) == 11 * 17
assert ask_for_apples.timeout_seconds == 1700
