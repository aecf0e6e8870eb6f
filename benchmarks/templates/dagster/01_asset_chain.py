import dagster as dg


@dg.asset(group_name="north", kinds={"python"})
def raw_apples() -> list[dict]:
    return [{"id": number, "weight": number * 11} for number in range(17)]


@dg.asset(group_name="north", kinds={"python"})
def heavy_apples(raw_apples: list[dict]) -> list[dict]:
    return [row for row in raw_apples if row["weight"] > 0]


@dg.asset(group_name="north", description="What the morning report shows.")
def apples_report(heavy_apples: list[dict]) -> dict:
    return {"rows": len(heavy_apples), "weight": sum(row["weight"] for row in heavy_apples)}


result = dg.materialize([raw_apples, heavy_apples, apples_report])
assert result.success
assert result.output_for_node("apples_report")["rows"] > 0
