from pathlib import Path
from tempfile import TemporaryDirectory

from prefect import flow, task
from prefect.transactions import transaction


@task
def write_file(path: Path, rows: int) -> int:
    return path.write_text("apples\n" * rows)


@write_file.on_rollback
def remove_file(transaction_) -> None:
    Path(transaction_.get("path")).unlink(missing_ok=True)


@flow
def write_north(folder: Path, rows: int = 17) -> int:
    with transaction() as together:
        together.set("path", folder / "north.txt")
        return write_file(folder / "north.txt", rows)


with TemporaryDirectory() as folder:
    written = write_file.fn(Path(folder) / "north.txt", 17)
    assert written == 17 * len("apples\n")
    assert (Path(folder) / "north.txt").exists()
assert len(write_file.on_rollback_hooks) == 1
