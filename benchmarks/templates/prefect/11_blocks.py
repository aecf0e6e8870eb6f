from prefect import flow
from prefect.blocks.core import Block
from pydantic import Field, SecretStr


class ApplesService(Block):
    """Where the apples are asked for."""

    _block_type_slug = "north-apples-service"
    url: str = Field(default="https://north.example/apples")
    token: SecretStr
    page_size: int = 17

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token.get_secret_value()}"}


@flow
def ask_service(service: ApplesService, pages: int = 11) -> int:
    return service.page_size * pages


service = ApplesService(token=SecretStr("only-for-this-run"), page_size=13)
assert service.headers()["Authorization"].endswith("only-for-this-run")
assert "only-for-this-run" not in repr(service)
assert ask_service.fn(service) == 13 * 11
