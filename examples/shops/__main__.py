"""Turn exported orders into JSON lines for `order-engine import`: `python -m examples.shops SHOP FILE…`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from examples.shops import amazon, commercetools, ebay, prestashop, shopify, woocommerce
from examples.shops.reading import Document, WireOrder, read_document

ORDERS: Mapping[str, Callable[[Document], WireOrder]] = {
    "amazon": amazon.to_order,
    "commercetools": commercetools.to_order,
    "ebay": ebay.to_order,
    "prestashop": prestashop.to_order,
    "shopify": shopify.to_order,
    "woocommerce": woocommerce.to_order,
}
REFUNDS: Mapping[str, Callable[[Document], Iterator[WireOrder]]] = {
    "shopify": shopify.to_refunds,
    "woocommerce": woocommerce.to_refunds,
}
"""The shops whose orders carry their refunds; the others have them in documents of their own."""


def orders_in(shop: str, document: Document) -> Iterator[WireOrder]:
    """Yield the order in a shop's document, then its refunds."""
    yield ORDERS[shop](document)
    if shop in REFUNDS:
        yield from REFUNDS[shop](document)


def main(words: Sequence[str]) -> int:
    """Print a line for each order in the files; return the exit code."""
    if len(words) < 2 or words[0] not in ORDERS:  # noqa: PLR2004 - a shop and a file
        sys.stderr.write(f"usage: python -m examples.shops {{{','.join(ORDERS)}}} FILE...\n")
        return 2
    shop, *files = words
    for file in files:
        for order in orders_in(shop, read_document(Path(file).read_text(encoding="utf-8"))):
            print(json.dumps(order))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
