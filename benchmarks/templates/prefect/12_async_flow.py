import asyncio

from prefect import flow, task


@task(retries=3)
async def fetch_crate(number: int) -> str:
    await asyncio.sleep(0)
    return f"north-{number}"


@task
async def weigh_crate(crate: str) -> int:
    return len(crate) * 11


@flow(name="async-apples")
async def fetch_apples(limit: int = 17) -> int:
    crates = await asyncio.gather(*(fetch_crate(number) for number in range(limit)))
    return sum([await weigh_crate(crate) for crate in crates])


async def try_without_a_server() -> list[str]:
    return await asyncio.gather(*(fetch_crate.fn(number) for number in range(17)))


assert len(asyncio.run(try_without_a_server())) == 17
assert fetch_apples.isasync
assert asyncio.run(weigh_crate.fn("north")) == len("north") * 11
