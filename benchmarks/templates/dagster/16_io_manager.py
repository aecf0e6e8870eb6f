import json
import tempfile
from pathlib import Path

import dagster as dg


class JsonFiles(dg.ConfigurableIOManager):
    folder: str

    def _path(self, name: str) -> Path:
        return Path(self.folder) / f"north-{name}.json"

    def handle_output(self, context: dg.OutputContext, obj: list[int]) -> None:
        self._path(context.asset_key.path[-1]).write_text(json.dumps(obj))

    def load_input(self, context: dg.InputContext) -> list[int]:
        return json.loads(self._path(context.asset_key.path[-1]).read_text())


@dg.asset
def filed_apples() -> list[int]:
    return [11, 13, 17]


@dg.asset
def sorted_apples(filed_apples: list[int]) -> list[int]:
    return sorted(filed_apples, reverse=True)


with tempfile.TemporaryDirectory() as folder:
    result = dg.materialize([filed_apples, sorted_apples], resources={"io_manager": JsonFiles(folder=folder)})
    assert len(list(Path(folder).glob("north-*.json"))) == 2
