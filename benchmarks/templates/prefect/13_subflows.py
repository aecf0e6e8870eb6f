from prefect import flow, task


@task
def read_region(region: str) -> list[str]:
    return [f"{region}-{number}" for number in range(17)]


@flow(flow_run_name="apples-of-{region}", retries=1)
def one_region(region: str) -> int:
    return len(read_region(region))


@flow(name="all apples", description="One run per region, one after another.")
def all_regions(regions: tuple[str, ...] = ("north", "elsewhere")) -> dict[str, int]:
    return {region: one_region(region) for region in regions}


patient = one_region.with_options(name="patient", retries=3, retry_delay_seconds=13)
assert one_region.flow_run_name == "apples-of-{region}"
assert (patient.name, patient.retries, one_region.retries) == ("patient", 3, 1)
assert len(read_region.fn("north")) == 17
