import dagster as dg


@dg.asset
def apples() -> list[int]:
    return list(range(17))


@dg.asset_check(asset=apples, blocking=True)
def apples_are_complete(apples: list[int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=len(apples) == 17,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"rows": len(apples), "expected": 17},
    )


@dg.asset(deps=[apples])
def north_apples_page() -> None:
    """Only refreshed when the check above has passed."""


result = dg.materialize([apples, apples_are_complete, north_apples_page])
evaluation = result.get_asset_check_evaluations()[0]
assert evaluation.passed
assert evaluation.check_name == "apples_are_complete"
