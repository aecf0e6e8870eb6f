import dagster as dg


class ApplesStore(dg.ConfigurableResource):
    """Where the rows live; the limit keeps a test small."""

    region: str = "north"
    limit: int = 17

    def read(self) -> list[dict]:
        return [{"region": self.region, "number": number} for number in range(self.limit)]


@dg.asset
def stored_apples(store: ApplesStore) -> list[dict]:
    return store.read()


@dg.asset
def apples_regions(stored_apples: list[dict]) -> list[str]:
    return sorted({row["region"] for row in stored_apples})


store = ApplesStore(limit=11)
result = dg.materialize([stored_apples, apples_regions], resources={"store": store})
assert len(result.output_for_node("stored_apples")) == 11
assert result.output_for_node("apples_regions") == ["north"]
