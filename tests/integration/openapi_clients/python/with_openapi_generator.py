"""With the classes of OpenAPI Generator, python."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from openapi_client import (  # type: ignore[import-not-found] # a test generates it
    ApiClient,
    ApiException,
    Configuration,
    EventsApi,
    OrderPlacement,
    OrdersApi,
)
from scenario import Answer, Placement, main  # type: ignore[import-not-found] # beside this file, where it is run


def _answer(call: Callable[..., Any], *words: object, **named: object) -> Answer:
    try:
        response = call(*words, **named)
    except ApiException as error:
        return Answer(error.status, json.loads(error.body))
    return Answer(response.status_code, json.loads(response.data.to_json()))


class Generated:
    """A shop whose client is generated."""

    def __init__(self, address: str, key: str) -> None:
        """Use the service at an address."""
        client = ApiClient(Configuration(host=address, access_token=key))
        self._orders, self._events = OrdersApi(client), EventsApi(client)

    def place(self, order: Placement, idempotency_key: str | None = None) -> Answer:
        """Place an order."""
        body = OrderPlacement.from_dict(dict(order))
        return _answer(self._orders.place_order_with_http_info, body, idempotency_key=idempotency_key)

    def read(self, order_id: str) -> Answer:
        """Read an order."""
        return _answer(self._orders.get_order_with_http_info, order_id)

    def list(self, user_id: str, limit: int, cursor: str | None = None) -> Answer:
        """Read a page of a user's orders."""
        return _answer(self._orders.list_orders_with_http_info, user_id=user_id, limit=limit, cursor=cursor)

    def cancel(self, order_id: str, if_match: str) -> Answer:
        """Cancel an order at a version."""
        return _answer(self._orders.cancel_order_with_http_info, order_id, if_match=if_match)

    def follow(self, order_id: str) -> str:
        """Return the text of the order's stream of events, to its end."""
        return str(self._events.stream_order_events(order_id))


main(Generated)
