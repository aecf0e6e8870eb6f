from prefect import flow, task, unmapped


@task
def list_crates(limit: int) -> list[str]:
    return [f"north-{number}" for number in range(limit)]


@task(task_run_name="weigh-{crate}", retries=3)
def weigh(crate: str, factor: int) -> int:
    return len(crate) * factor


@task
def add_up(weights: list[int]) -> int:
    return sum(weights)


@flow(name="apples by crate")
def weigh_apples(limit: int = 17) -> int:
    weights = weigh.map(list_crates(limit), factor=unmapped(11))
    return add_up(weights)


assert len(list_crates.fn(17)) == 17
assert add_up.fn([weigh.fn(crate, 11) for crate in list_crates.fn(3)]) == 3 * len("north-0") * 11
assert weigh.task_run_name == "weigh-{crate}"
