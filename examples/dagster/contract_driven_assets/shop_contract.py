"""The contract: what a table is called, where it lies, what columns it has, and what it reads from others."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SUPPORTED = "1"  # the first number of the versions that this code understands


class ContractBroken(ValueError):
    """The new contract takes away what the accepted one promised; the message lists every change."""


class Part(BaseModel):
    """An unknown field is an error: else a misspelt `classificaton` would be dropped without a word."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Target(Part):
    database: str
    schema_name: str = Field(alias="schema", pattern=r"^\w+$")


class Column(Part):
    name: str
    type: str
    nullable: bool = True
    classification: Literal["public", "personal"] = "public"


class Read(Part):
    key: tuple[str, ...]
    columns: tuple[str, ...]


class Table(Part):
    key: tuple[str, ...]
    target: str
    owner: str
    sql: str
    columns: tuple[Column, ...]
    reads: tuple[Read, ...] = ()


class Contract(Part):
    version: str = Field(pattern=rf"^{SUPPORTED}\.\d+$")
    targets: dict[str, Target]
    tables: tuple[Table, ...]

    @model_validator(mode="after")
    def every_name_exists(self) -> Self:
        """All that is named and does not exist, in one message."""
        if missing := list(self._missing()):
            raise ValueError("; ".join(missing))
        return self

    def _missing(self) -> Iterator[str]:
        columns = {table.key: {column.name for column in table.columns} for table in self.tables}
        for table in self.tables:
            if table.target not in self.targets:
                yield f"{'.'.join(table.key)}: no target {table.target!r}"
            for read in table.reads:
                for name in sorted(set(read.columns) - columns.get(read.key, set())):
                    yield f"{'.'.join(table.key)} reads {'.'.join(read.key)}.{name}, which is not in the contract"


def read_contract(path: Path, accepted: Path | None = None) -> Contract:
    """The validated contract; with `accepted`, raises ContractBroken where it breaks with that one."""
    contract = Contract.model_validate_json(path.read_text())
    if accepted and (broken := list(breaking_changes(Contract.model_validate_json(accepted.read_text()), contract))):
        raise ContractBroken(f"{path.name} {contract.version}: {'; '.join(broken)}")
    return contract


def breaking_changes(old: Contract, new: Contract) -> Iterator[str]:
    """What a reader of the old tables would miss or misread; new tables and new columns break nobody."""
    tables = {table.key: table for table in new.tables}
    for table in old.tables:
        name = ".".join(table.key)
        if table.key not in tables:
            yield f"table {name} is gone"
            continue
        columns = {column.name: column for column in tables[table.key].columns}
        for column in table.columns:
            if (now := columns.get(column.name)) is None:
                yield f"column {name}.{column.name} is gone"
            elif now.type != column.type:
                yield f"column {name}.{column.name} was {column.type}, is {now.type}"
            elif now.nullable and not column.nullable:
                yield f"column {name}.{column.name} may now be null"
            elif column.classification == "personal" != now.classification:
                yield f"column {name}.{column.name} is no longer classified as personal"
