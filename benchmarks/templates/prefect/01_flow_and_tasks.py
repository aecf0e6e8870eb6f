from prefect import flow, task


@task(retries=3, retry_delay_seconds=13)
def extract_apples(limit: int) -> list[int]:
    return list(range(limit))


@task(name="apples: keep the large ones", tags=["north"])
def keep_large(apples: list[int], at_least: int = 1) -> list[int]:
    return [apple for apple in apples if apple >= at_least]


@flow(name="north-apples", log_prints=True)
def north_apples(limit: int = 17) -> int:
    apples = keep_large(extract_apples(limit))
    print(f"{len(apples)} large apples")
    return len(apples)


assert extract_apples.fn(17) == list(range(17))
assert len(keep_large.fn([0, 1, 2])) == 2
assert north_apples.name == "north-apples"
assert extract_apples.retries == 3
