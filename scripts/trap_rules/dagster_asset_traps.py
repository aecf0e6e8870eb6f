"""Traps of Dagster's assets, checks and resources, each a small function over the loaded code location."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from .dagster_loaded import Loaded, function_of, output_of, pickles, words
from .model import Trap
from .sources import (
    FunctionNode,
    Source,
    called_name,
    calls_in,
    keyword_of,
    place_of_definition,
    place_of_node,
    returned_values,
)

_TABLE_STORES = ("dagster_duckdb", "dagster_snowflake", "dagster_gcp")
_CONCURRENCY = "dagster/concurrency_key"
_OF_RUNS = ("dagster/max_retries", "dagster/retry_strategy", "dagster/max_runtime", "dagster/retry_on_asset_or_op_failure")
_SECRET = re.compile(r"(pass(word|wd|phrase)?|secret|token|api_?key|access_key|private_key|credentials?)$", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@{]+@")
_GATE = re.compile(r"\b(gate|gates|block|blocks|stop|stops|guard|guards|prevent|prevents|halt|halts)\b", re.IGNORECASE)


# --- values between assets


def argument_of_nothing(loaded: Loaded) -> Iterator[Trap]:
    """An argument loads a value; an asset that returns none leaves the value of an older version in the store."""
    for user in [*loaded.assets, *loaded.checks]:
        for upstream in _loaded_keys(user):
            maker = loaded.asset_of(upstream)
            if maker in loaded.assets and pickles(loaded.store_of(maker, upstream)) and _stores_nothing(loaded, maker, upstream):
                yield from loaded.of_function(user, f"argument {words(upstream)} of {_name(user)}")


def _loaded_keys(definition: Any) -> Iterator[Any]:
    """Keys of the assets whose values the function takes, without those it only waits for."""
    own = set(definition.keys)
    for entry in definition.node_def.input_defs:
        key = definition.keys_by_input_name.get(entry.name)
        if key is not None and key not in own and not entry.dagster_type.is_nothing and not entry.input_manager_key:
            yield key


def _stores_nothing(loaded: Loaded, maker: Any, key: Any) -> bool:
    if output_of(maker, key).dagster_type.is_nothing:
        return True
    node = loaded.node_of(maker)
    values = returned_values(node) if node else []
    return bool(values) and all(_is_result_without_value(value) for value in values)


def _is_result_without_value(value: ast.expr) -> bool:
    if not (isinstance(value, ast.Call) and called_name(value) == "MaterializeResult"):
        return False
    return not value.args and all(keyword.arg not in (None, "value") for keyword in value.keywords)


def single_run_with_value(loaded: Loaded) -> Iterator[Trap]:
    """One run over a range has one value for many partitions, and a store of one object per partition refuses it."""
    for asset in loaded.assets:
        policy = asset.backfill_policy
        if policy is None or policy.max_partitions_per_run is not None or asset.partitions_def is None:
            continue
        node = loaded.node_of(asset)
        for key in asset.keys:
            stored = not output_of(asset, key).dagster_type.is_nothing and pickles(loaded.store_of(asset, key))
            if stored and node and any(not _is_result_without_value(v) and not _is_none(v) for v in returned_values(node)):
                yield from loaded.of_function(asset, f"asset {words(key)}")


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def no_partition_column(loaded: Loaded) -> Iterator[Trap]:
    """IO managers that write tables need the column that holds the partition."""
    for asset in loaded.assets:
        for spec in asset.specs:
            store = (loaded.store_of(asset, spec.key) or "").split(".")
            writes_table = store[0].startswith(_TABLE_STORES) and "IOManager" in store[-1]
            output = output_of(asset, spec.key)
            known = {**spec.metadata, **(output.metadata or {})}
            if writes_table and spec.partitions_def and not output.dagster_type.is_nothing and "partition_expr" not in known:
                yield from loaded.of_function(asset, f"asset {words(spec.key)}")


# --- tags


def compute_kind(loaded: Loaded) -> Iterator[Trap]:
    """The old parameter sets a tag of the op, and no kind."""
    for asset in loaded.assets:
        if "dagster/compute_kind" in asset.node_def.tags and not any(spec.kinds for spec in asset.specs):
            yield from loaded.of_function(asset, _name(asset))


def concurrency_tag_of_asset(loaded: Loaded) -> Iterator[Trap]:
    """The tag counts on an op; on an asset it is a label."""
    for asset in loaded.assets:
        tagged = any(_CONCURRENCY in spec.tags for spec in asset.specs)
        if tagged and not asset.node_def.pool and _CONCURRENCY not in asset.node_def.tags:
            yield from loaded.of_function(asset, _name(asset))


def run_tag_of_asset(loaded: Loaded) -> Iterator[Trap]:
    """Tags that the daemon reads from the run do nothing on an asset or its op."""
    for asset in loaded.assets:
        tags = {*asset.node_def.tags, *(tag for spec in asset.specs for tag in spec.tags)}
        for tag in sorted(tags & set(_OF_RUNS)):
            yield from loaded.of_function(asset, f"{tag} of {_name(asset)}")


def bad_kubernetes_tag(loaded: Loaded) -> Iterator[Trap]:
    """The tag is first read when a pod is made from it."""
    for asset in loaded.assets:
        if problem := _refusal_by_kubernetes(asset.node_def.tags):
            yield from loaded.of_function(asset, f"{_name(asset)} ({problem})")
    for job in loaded.repository.get_all_jobs():
        if problem := _refusal_by_kubernetes(job.tags):
            yield loaded.of_value(job, f"job {job.name} ({problem})")


def _refusal_by_kubernetes(tags: Any) -> str:
    if not any(tag.startswith("dagster-k8s/") for tag in tags):
        return ""
    try:
        from dagster_k8s.job import get_user_defined_k8s_config  # 2 s to import, so only for those who use it

        get_user_defined_k8s_config(tags)
    except ImportError:
        return ""
    except Exception as error:
        details = [one.message for one in getattr(error, "errors", [])]
        return " ".join((details[0] if details else str(error)).split())[:160]
    return ""


# --- checks


def gate_that_does_not_block(loaded: Loaded) -> Iterator[Trap]:
    """A check that says it gates, and lets what is below its asset run."""
    graph = loaded.repository.asset_graph
    for check in loaded.checks:
        node = loaded.node_of(check)
        for spec in check.check_specs:
            below = graph.has(spec.asset_key) and graph.get(spec.asset_key).child_keys
            if below and not spec.blocking and node and _says_gate(node, spec):
                yield from loaded.of_function(check, f"check {spec.name} of {words(spec.asset_key)}")


def _says_gate(node: FunctionNode, spec: Any) -> bool:
    text = f"{spec.name.replace('_', ' ')} {spec.description or ''} {ast.get_docstring(node) or ''}"
    severities = [keyword_of(call, "severity") for call in calls_in(node) if called_name(call) == "AssetCheckResult"]
    return bool(_GATE.search(text)) or any(isinstance(one, ast.Attribute) and one.attr == "ERROR" for one in severities)


def blocking_check_that_warns(loaded: Loaded) -> Iterator[Trap]:
    """Only severity ERROR blocks."""
    for check in loaded.checks:
        node = loaded.node_of(check)
        results = [call for call in calls_in(node) if called_name(call) == "AssetCheckResult"] if node else []
        severities = [keyword_of(call, "severity") for call in results]
        if severities and all(isinstance(one, ast.Attribute) and one.attr == "WARN" for one in severities):
            for spec in check.check_specs:
                if spec.blocking:
                    yield from loaded.of_function(check, f"check {spec.name} of {words(spec.asset_key)}")


# --- resources


def secret_in_resource(loaded: Loaded) -> Iterator[Trap]:
    """Defaults and configured values of a resource are part of what the code location sends to the UI, in clear."""
    seen: set[tuple[str, str]] = set()
    for name, resource in loaded.resources.items():
        kind = getattr(resource, "configurable_resource_cls", None)
        for field, value in _shown_values(resource):
            if isinstance(value, str) and _is_secret(field, value) and (name, field) not in seen:
                seen.add((name, field))
                yield _at_resource(loaded, kind, field, f"field {field} of resource {name}")
    told = {field for _, field in seen}
    yield from (trap for trap in _environment_reads(loaded) if trap.subject.split()[1] not in told)


def _is_secret(field: str, value: str) -> bool:
    return bool(value) and bool(_SECRET.search(field) or _SECRET_IN_URL.search(value))


def _shown_values(resource: Any) -> Iterator[tuple[str, Any]]:
    """Every field with its configured value, or else its default; a value from an EnvVar is no text."""
    schema = resource.config_schema.as_field() if getattr(resource, "config_schema", None) else None
    if schema is None:
        return
    given = schema.default_value if schema.default_provided else {}
    for field, entry in getattr(schema.config_type, "fields", {}).items():
        if entry.default_provided:
            yield field, entry.default_value
    yield from _leaves(given)


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:
    for field, entry in value.items() if isinstance(value, dict) else ():
        if isinstance(entry, dict) and set(entry) != {"env"}:
            yield from _leaves(entry)
        else:
            yield field, entry


def _environment_reads(loaded: Loaded) -> Iterator[Trap]:
    """A value read from the environment at import is a literal by the time Dagster sees it; here the variable may be unset."""
    for source in loaded.sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and _is_resource_class(vars(source.module).get(node.name)):
                given = {getattr(one.target, "id", ""): one.value for one in node.body if isinstance(one, ast.AnnAssign)}
                name = node.name
            elif isinstance(node, ast.Call) and _is_resource_class(_called(source, node)):
                given = {keyword.arg or "": keyword.value for keyword in node.keywords}
                name = called_name(node)
            else:
                continue
            for field, value in given.items():
                if value is not None and _SECRET.search(field) and _reads_environment(value):
                    yield Trap(place_of_node(source.path, value), f"field {field} of resource {name}")


def _reads_environment(value: ast.expr) -> bool:
    if isinstance(value, ast.Lambda):
        return False
    return "os.environ" in (text := ast.unparse(value)) or "getenv(" in text or text.startswith("environ")


def _called(source: Source, call: ast.Call) -> Any:
    value: Any = source.module
    for part in ast.unparse(call.func).split("."):
        value = getattr(value, part, None) if part.isidentifier() else None
    return value


def _is_resource_class(value: Any) -> bool:
    import dagster as dg

    kinds = (dg.ConfigurableResource, dg.ConfigurableIOManager, dg.ConfigurableIOManagerFactory)
    return isinstance(value, type) and issubclass(value, kinds)


def _at_resource(loaded: Loaded, kind: Any, field: str, subject: str) -> Trap:
    """The argument that gives the value, else the field of the class with its default, else the class."""
    for source in loaded.sources:
        for call in calls_in(source.tree):
            given = keyword_of(call, field)
            if given is not None and kind is not None and _called(source, call) is kind:
                return Trap(place_of_node(source.path, given), subject)
    for source in loaded.sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and kind is not None and vars(source.module).get(node.name) is kind:
                for entry in node.body:
                    if isinstance(entry, ast.AnnAssign) and getattr(entry.target, "id", "") == field:
                        return Trap(place_of_node(source.path, entry), subject)
                return Trap(place_of_definition(source.path, node), subject)
    return Trap(loaded.whole_file, subject)


def _name(definition: Any) -> str:
    return f"{'asset' if definition.keys else 'check'} {getattr(function_of(definition), '__name__', definition.node_def.name)}"
