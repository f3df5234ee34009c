"""Two months of a real shop's orders: a rule that refuses one of them is wrong.

The data is the "Online Retail" data set (Chen, D., 2015, UCI Machine Learning Repository, DOI 10.24432/C5BW33,
CC BY 4.0), packed by month. It is looked for where REAL_ORDERS says, else in `../shared/data` beside the
repository.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from order_engine.domain.commands import Placement
from order_engine.domain.content.money import amount_text
from order_engine.domain.content.validation import validate
from order_engine.domain.errors import InvalidOrder
from order_engine.domain.order import NewOrder
from order_engine.domain.placement import fingerprint
from tests.real_orders import VARIABLE, data_folder

MONTHS = ("online_retail_2010-12", "online_retail_2011-01")
CONTENT = ("order_id", "user_id", "item_ids", "total_amount", "currency")


@dataclass(frozen=True, slots=True)
class Sale:
    """One record of the file, and what became of it: a placement where the record is an order."""

    record: Mapping[str, Any]
    placement: Placement | None

    @property
    def kind(self) -> str:
        """What the record is."""
        return str(self.record.get("kind", "order"))

    @property
    def lines(self) -> Sequence[Mapping[str, Any]]:
        """The line items: those that the placement carries in its attributes, else those of the record."""
        if self.placement is None or self.placement.attributes is None:
            return self.record["lines"]  # type: ignore[no-any-return]
        lines: Any = self.placement.attributes["lines"]
        return lines  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Month:
    """A month of sales, in time order, and the figures that it must come to."""

    sales: Sequence[Sale]
    expected: Mapping[str, Any]


def records(path: Path) -> Iterator[Mapping[str, Any]]:
    """Read the records of a file; prices and totals are strings in it."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line, parse_float=Decimal)


def new_order(record: Mapping[str, Any]) -> NewOrder:
    """Return the record as a client would place it, all that the engine has no field for in its attributes."""
    rest = {name: value for name, value in record.items() if name not in CONTENT}
    return NewOrder(**{name: record[name] for name in CONTENT}, attributes=rest)


def sale(record: Mapping[str, Any]) -> Sale:
    """Place the record if it is an order."""
    return Sale(record, None if "kind" in record else validate(new_order(record), "unused"))


@pytest.fixture(scope="module")
def months() -> Sequence[Month]:
    """Both months, every order in them placed: an order that is refused fails all tests here."""
    folder = data_folder()
    return [
        Month(
            [sale(record) for record in records(folder / f"{month}.jsonl.gz")],
            json.loads((folder / f"{month}.expected.json").read_text(encoding="utf-8")),
        )
        for month in MONTHS
    ]


@pytest.fixture(scope="module")
def placed(months: Sequence[Month]) -> Mapping[str, Placement]:
    """Return the placements of both months by order id, in time order."""
    sales = (sale for month in months for sale in month.sales)
    return {sale.placement.order_id: sale.placement for sale in sales if sale.placement is not None}


@pytest.fixture(scope="module")
def awkward() -> Mapping[str, Mapping[str, Any]]:
    """Return the odd real cases, by name."""
    cases: Mapping[str, Mapping[str, Any]] = json.loads(
        (data_folder() / "awkward_cases.json").read_text(encoding="utf-8")
    )
    return cases


def lines_of(placement: Placement) -> Sequence[Mapping[str, Any]]:
    """Return the line items that a placement carries for its processor."""
    return Sale({}, placement).lines


def digest(lines: Iterable[tuple[str, str]]) -> str:
    """Return the digest of lines, sorted by order id as bytes; the lines of one order stay in their order."""
    hashed = hashlib.sha256()
    for _, line in sorted(lines, key=lambda pair: pair[0].encode()):
        hashed.update(f"{line}\n".encode())
    return hashed.hexdigest()


def test_every_order_is_accepted(months: Sequence[Month]) -> None:
    """All 2,749 of them, each with its lines as attributes, and their ids are unique."""
    for month in months:
        orders = [sale for sale in month.sales if sale.kind == "order"]
        assert len(orders) == month.expected["by_kind"]["order"]["records"]
        assert all(sale.placement is not None for sale in orders)
        assert len({sale.record["order_id"] for sale in month.sales}) == month.expected["records"]


def test_placements_carry_what_the_records_say(months: Sequence[Month]) -> None:
    """Ids and items letter by letter, totals as they are written, everything else as attributes."""
    for month in months:
        for sale in month.sales:
            if sale.placement is None:
                continue
            assert {name: getattr(sale.placement, name) for name in CONTENT} == {
                **{name: sale.record[name] for name in CONTENT},
                "item_ids": tuple(sale.record["item_ids"]),
                "total_amount": Decimal(sale.record["total_amount"]),
            }
            assert amount_text(sale.placement.total_amount) == sale.record["total_amount"]
            assert sale.placement.attributes is not None
            assert sale.placement.attributes.to_dict() == {
                name: value for name, value in sale.record.items() if name not in CONTENT
            }


def test_sums_and_counts_are_the_expected_ones(months: Sequence[Month]) -> None:
    """To the last penny, by figures that were computed elsewhere from another copy of the data."""
    for month in months:
        placements = [sale.placement for sale in month.sales if sale.placement is not None]
        guests = {sale.record["order_id"] for sale in month.sales if sale.record.get("guest")}
        expected = month.expected["by_kind"]["order"]
        assert {
            "records": len(placements),
            "line_items": sum(len(placement.item_ids) for placement in placements),
            "units": sum(line["quantity"] for placement in placements for line in lines_of(placement)),
            "sum_total_amount": amount_text(sum((placement.total_amount for placement in placements), Decimal(0))),
            "distinct_users": len({placed.user_id for placed in placements if placed.order_id not in guests}),
            "guest_records": sum(placement.order_id in guests for placement in placements),
            "zero_totals": sum(placement.total_amount == 0 for placement in placements),
            "most_line_items": max(len(placement.item_ids) for placement in placements),
        } == expected


def test_totals_are_the_sums_of_the_lines(placed: Mapping[str, Placement]) -> None:
    """Quantities and prices went through the attributes without losing a digit."""
    for placement in placed.values():
        total = sum((line["quantity"] * Decimal(line["unit_price"]) for line in lines_of(placement)), Decimal(0))
        assert total == placement.total_amount


def test_the_digest_of_the_orders_is_the_expected_one(months: Sequence[Month]) -> None:
    """Ids, users, totals and numbers of items, as the placements carry them; other records as they are."""
    for month in months:
        rows = []
        for sale in month.sales:
            order_id, placement = sale.record["order_id"], sale.placement
            if placement is None:
                user_id, total, count = sale.record["user_id"], sale.record["total_amount"], len(sale.lines)
            else:
                user_id, total = placement.user_id, amount_text(placement.total_amount)
                count = len(placement.item_ids)
            row = f"{order_id}|{sale.kind}|{user_id}|{total}|{count}|{sale.record['placed_at']}"
            rows.append((order_id, row))
        assert digest(rows) == month.expected["order_digest"]


def test_the_digest_of_the_lines_is_the_expected_one(months: Sequence[Month]) -> None:
    """Items as the placements carry them, quantities and prices as their attributes do."""
    for month in months:
        rows = []
        for sale in month.sales:
            items = sale.record["item_ids"] if sale.placement is None else sale.placement.item_ids
            for number, (sku, line) in enumerate(zip(items, sale.lines, strict=True), 1):
                order_id = sale.record["order_id"]
                rows.append((order_id, f"{order_id}|{number}|{sku}|{line['quantity']}|{line['unit_price']}"))
        assert digest(rows) == month.expected["line_digest"]


def test_what_is_no_order_and_has_a_negative_total_is_refused_for_it(months: Sequence[Month]) -> None:
    """All 586 cancellations would be refused for their total and for nothing else."""
    refused = 0
    for month in months:
        for sale in month.sales:
            if Decimal(sale.record["total_amount"]) < 0:
                assert sale.kind == "cancellation"
                with pytest.raises(InvalidOrder) as caught:
                    validate(new_order(sale.record), "unused")
                assert [error.pointer for error in caught.value.errors] == ["/total_amount"]
                refused += 1
    assert refused == 586


# Awkward cases


def test_every_awkward_order_is_placed(
    placed: Mapping[str, Placement], months: Sequence[Month], awkward: Mapping[str, Mapping[str, Any]]
) -> None:
    """Whatever is odd about it: each example that is an order is among the placements."""
    kinds = {sale.record["order_id"]: sale.kind for month in months for sale in month.sales}
    examples = [str(example) for case in awkward.values() for example in case["examples"]]
    orders = [example for example in examples if kinds.get(example) == "order"]
    assert len(orders) >= 50
    assert set(orders) <= set(placed)


def test_orders_of_hundreds_of_items_are_kept_whole(
    placed: Mapping[str, Placement], awkward: Mapping[str, Mapping[str, Any]]
) -> None:
    """Up to 675 of them in one order."""
    large = {order_id: len(placement.item_ids) for order_id, placement in placed.items()}
    most = sorted(
        (order_id for order_id, count in large.items() if count >= 300), key=lambda order_id: -large[order_id]
    )
    assert len(most) == awkward["most_line_items"]["count"]
    assert most[:3] == awkward["most_line_items"]["examples"][:3]
    assert large[most[0]] == 675


def test_a_total_of_zero_is_legitimate(
    placed: Mapping[str, Placement], awkward: Mapping[str, Mapping[str, Any]]
) -> None:
    """104 real orders have one, and give it back as 0.00."""
    free = [order_id for order_id, placement in placed.items() if placement.total_amount == 0]
    assert len(free) == awkward["zero_total_order"]["count"]
    assert {amount_text(placed[order_id].total_amount) for order_id in free} == {"0.00"}


def test_a_free_line_in_a_paid_order_is_kept(
    placed: Mapping[str, Placement], awkward: Mapping[str, Mapping[str, Any]]
) -> None:
    """Its price of 0.00 goes to the processor as it is."""
    mixed = [
        placement.order_id
        for placement in placed.values()
        if placement.total_amount > 0 and any(line["unit_price"] == "0.00" for line in lines_of(placement))
    ]
    assert len(mixed) == awkward["zero_price_line_in_paid_order"]["count"]


def test_items_repeat(placed: Mapping[str, Placement], awkward: Mapping[str, Mapping[str, Any]]) -> None:
    """Hundreds of orders name an item more than once; none of them is made unique."""
    repeating = {order_id for order_id, placement in placed.items() if max(Counter(placement.item_ids).values()) > 1}
    assert len(repeating) > 300
    assert set(awkward["repeated_sku"]["examples"]) & set(placed) <= repeating


def test_items_with_a_blank_and_items_of_one_letter_are_items(placed: Mapping[str, Placement]) -> None:
    """Fees and manual entries are booked as items."""
    items = {item_id for placement in placed.values() for item_id in placement.item_ids}
    assert {"BANK CHARGES", "M", "POST", "DOT"} <= items
    assert "BANK CHARGES" in placed["536779"].item_ids


def test_items_that_differ_by_case_only_stay_different(placed: Mapping[str, Placement]) -> None:
    """The shop has dozens of such pairs."""
    items = {item_id for placement in placed.values() for item_id in placement.item_ids}
    folded = Counter(item_id.casefold() for item_id in items)
    assert sum(count > 1 for count in folded.values()) > 20


def test_guests_are_users(placed: Mapping[str, Placement], awkward: Mapping[str, Mapping[str, Any]]) -> None:
    """They have an id of their own for each order."""
    guests = [placement for placement in placed.values() if placement.user_id.startswith("guest-")]
    assert len(guests) == awkward["guest_order"]["count"]
    assert all(placement.user_id == f"guest-{placement.order_id}" for placement in guests)


@pytest.mark.parametrize("case", ["non_ascii", "padded_description", "quote_in_description", "missing_description"])
def test_descriptions_are_kept_verbatim(
    case: str, placed: Mapping[str, Placement], months: Sequence[Month], awkward: Mapping[str, Mapping[str, Any]]
) -> None:
    """Blanks around them, quotes in them, characters outside ASCII, and where there is none, none."""
    given_lines = {sale.record["order_id"]: sale.record["lines"] for month in months for sale in month.sales}
    examples = [order_id for order_id in awkward[case]["examples"] if order_id in placed]
    assert examples
    for order_id in examples:
        described = [line.get("description") for line in lines_of(placed[order_id])]
        assert described == [line.get("description") for line in given_lines[order_id]]


def test_the_same_content_under_another_id_is_another_order(
    placed: Mapping[str, Placement], awkward: Mapping[str, Mapping[str, Any]]
) -> None:
    """22 real orders repeat user, items and total of an earlier one: only the fingerprint sees that, not the id."""
    seen: set[bytes] = set()
    repeating = []
    for placement in placed.values():
        content = fingerprint(placement._replace(attributes=None))
        if content in seen:
            repeating.append(placement.order_id)
        seen.add(content)
    assert len(repeating) == awkward["same_content_other_id"]["count"]
    assert set(awkward["same_content_other_id"]["examples"]) <= set(repeating)


# Where the data is


def test_without_the_data_these_tests_are_skipped_with_a_reason(tmp_path: Path) -> None:
    """A contributor without the data is told how to get these tests to run."""
    with pytest.raises(pytest.skip.Exception, match=VARIABLE):
        data_folder({VARIABLE: str(tmp_path)})


def test_without_the_data_continuous_integration_fails(tmp_path: Path) -> None:
    """A skip that nobody reads is no test."""
    with pytest.raises(pytest.fail.Exception, match=VARIABLE):
        data_folder({VARIABLE: str(tmp_path), "CI": "true"})
