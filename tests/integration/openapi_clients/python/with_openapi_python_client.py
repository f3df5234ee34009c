"""With the functions and the classes of openapi-python-client."""

from __future__ import annotations

import json
from typing import Any

from generated.openapi_python_client import AuthenticatedClient  # type: ignore[import-not-found] # a test generates it
from generated.openapi_python_client.api.events import stream_order_events  # type: ignore[import-not-found]
from generated.openapi_python_client.api.orders import (  # type: ignore[import-not-found]
    cancel_order,
    get_order,
    list_orders,
    place_order,
)
from generated.openapi_python_client.models import Order, OrderPlacement, Problem  # type: ignore[import-not-found]
from generated.openapi_python_client.types import UNSET  # type: ignore[import-not-found]
from scenario import Answer, Placement, main  # type: ignore[import-not-found] # beside this file, where it is run


def _answer(response: Any) -> Answer:  # noqa: ANN401 - of a generated class
    parsed = response.parsed
    assert isinstance(parsed, Order | Problem) or response.status_code in (200, 201), response
    return Answer(int(response.status_code), parsed.to_dict())


class Generated:
    """A shop whose client is generated."""

    def __init__(self, address: str, key: str) -> None:
        """Use the service at an address."""
        self._client = AuthenticatedClient(base_url=address, token=key)

    def place(self, order: Placement, idempotency_key: str | None = None) -> Answer:
        """Place an order."""
        body, key = OrderPlacement.from_dict(order), idempotency_key or UNSET
        return _answer(place_order.sync_detailed(client=self._client, body=body, idempotency_key=key))

    def read(self, order_id: str) -> Answer:
        """Read an order."""
        return _answer(get_order.sync_detailed(client=self._client, order_id=order_id))

    def list(self, user_id: str, limit: int, cursor: str | None = None) -> Answer:
        """Read a page of a user's orders."""
        return _answer(
            list_orders.sync_detailed(client=self._client, user_id=user_id, limit=limit, cursor=cursor or UNSET)
        )

    def cancel(self, order_id: str, if_match: str) -> Answer:
        """Cancel an order at a version."""
        return _answer(cancel_order.sync_detailed(client=self._client, order_id=order_id, if_match=if_match))

    def follow(self, order_id: str) -> str:
        """Return the text of the order's stream of events, to its end."""
        text = stream_order_events.sync(client=self._client, order_id=order_id)
        assert isinstance(text, str), json.dumps(text)
        return text


main(Generated)
