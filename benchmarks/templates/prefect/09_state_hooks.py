from prefect import flow, task
from prefect.states import Completed, Failed, State

told: list[str] = []


def tell_north(flow_: object, run: object, state: State) -> None:
    told.append(f"{state.type.value}: {state.message}")


def forget_apples(transaction: object) -> None:
    told.append("forgotten")


@task
def write_apples(rows: int) -> int:
    return rows * 17


write_apples.on_rollback(forget_apples)


@flow(on_failure=[tell_north], on_crashed=[tell_north], on_completion=[tell_north])
def write_all_apples() -> State:
    return Completed(message=f"{write_apples(11)} apples")


tell_north(write_all_apples, None, Failed(message="no apples"))
assert told == ["FAILED: no apples"]
assert write_apples.fn(11) == 11 * 17
assert len(write_all_apples.on_failure_hooks) == 1
