from datetime import date

from prefect import flow
from pydantic import BaseModel, Field


class ApplesQuery(BaseModel):
    region: str = "north"
    day: date = date(2026, 1, 1)
    limit: int = Field(default=17, gt=0, le=1100)


@flow(validate_parameters=True)
def read_apples(query: ApplesQuery, dry_run: bool = False) -> list[str]:
    if dry_run:
        return []
    return [f"{query.region}-{query.day}-{number}" for number in range(query.limit)]


checked = read_apples.validate_parameters({"query": {"region": "north", "limit": "11"}, "dry_run": "yes"})
assert checked["query"].limit == 11
assert checked["dry_run"] is True
assert "query" in read_apples.parameters.required
assert len(read_apples.fn(ApplesQuery())) == 17
