"""With the models of datamodel-code-generator; the requests are written by hand."""

from __future__ import annotations

from urllib.parse import quote

import httpx
from generated.models import (  # type: ignore[import-not-found] # a test generates it
    Order,
    OrderCreated,
    OrderPage,
    OrderPlacement,
    Problem,
)
from scenario import Answer, Placement, main  # type: ignore[import-not-found] # beside this file, where it is run


def _answer(response: httpx.Response, model: type[Order | OrderCreated | OrderPage]) -> Answer:
    read = (model if response.is_success else Problem).model_validate_json(response.content)
    return Answer(response.status_code, read.model_dump(mode="json"))


class Generated:
    """A shop whose models are generated."""

    def __init__(self, address: str, key: str) -> None:
        """Use the service at an address."""
        self._client = httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"})

    def place(self, order: Placement, idempotency_key: str | None = None) -> Answer:
        """Place an order."""
        body = OrderPlacement(**order).model_dump_json(exclude_unset=True)
        headers = {
            "Content-Type": "application/json",
            **({"Idempotency-Key": idempotency_key} if idempotency_key else {}),
        }
        return _answer(self._client.post("/orders", content=body, headers=headers), OrderCreated)

    def read(self, order_id: str) -> Answer:
        """Read an order."""
        return _answer(self._client.get(f"/orders/{quote(order_id)}"), Order)

    def list(self, user_id: str, limit: int, cursor: str | None = None) -> Answer:
        """Read a page of a user's orders."""
        query = {"user_id": user_id, "limit": str(limit), **({"cursor": cursor} if cursor else {})}
        return _answer(self._client.get("/orders", params=query), OrderPage)

    def cancel(self, order_id: str, if_match: str) -> Answer:
        """Cancel an order at a version."""
        return _answer(self._client.post(f"/orders/{quote(order_id)}/cancel", headers={"If-Match": if_match}), Order)

    def follow(self, order_id: str) -> str:
        """Return the text of the order's stream of events, to its end."""
        return self._client.get(f"/orders/{quote(order_id)}/events").text


main(Generated)
