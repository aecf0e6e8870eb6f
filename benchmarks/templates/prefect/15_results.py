import tempfile

from prefect import flow, task
from prefect.filesystems import LocalFileSystem
from prefect.serializers import CompressedSerializer, JSONSerializer

storage = LocalFileSystem(basepath=tempfile.gettempdir())


@task(
    persist_result=True,
    result_storage_key="apples-{parameters[region]}.json",
    result_serializer=JSONSerializer(),
)
def keep_apples(region: str, count: int) -> dict:
    return {"region": region, "count": count}


@flow(result_serializer=CompressedSerializer(serializer=JSONSerializer()), persist_result=True)
def kept_apples() -> dict:
    return keep_apples("north", 17)


row = keep_apples.fn("north", 17)
serializer = CompressedSerializer(serializer=JSONSerializer())
assert serializer.loads(serializer.dumps(row)) == row
assert keep_apples.result_storage_key == "apples-{parameters[region]}.json"
assert str(storage.basepath)
