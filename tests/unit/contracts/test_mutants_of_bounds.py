"""The kit catches repositories that overstep a bound in bytes, or take what their claimant runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from order_engine.contracts import BoundsContract, ContractBroken, Harness, OwnLeasesContract
from order_engine.domain.commands import ClaimTerms
from order_engine.ports.repository import Claimed, OrderPage, OrderQuery, OrderState, Portion
from order_engine_adapters.clocks import ManualClock
from order_engine_adapters.memory import MemoryRepository


class ClaimsIgnoreTheBound(MemoryRepository):
    """A claim takes whatever its limit allows."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Claim without the bound."""
        return await super().claim(replace(terms, max_bytes=None))


class ClaimsSayNothingOfMore(MemoryRepository):
    """A claim that left something out does not say so."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Claim as if that were all."""
        return replace(await super().claim(terms), more=False)


class PortionsOfAClaimRepeat(MemoryRepository):
    """A claim that is asked again begins at its first order each time."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Claim, wherever it was asked to go on."""
        return await super().claim(replace(terms, after=None))


class PagesIgnoreTheBound(MemoryRepository):
    """A page is as large as its limit allows."""

    async def list(self, query: OrderQuery) -> OrderPage:
        """List without the bound."""
        return await super().list(replace(query, max_bytes=None))


class BoundedPagesEndTheList(MemoryRepository):
    """A page that the bound cut short has no next one."""

    async def list(self, query: OrderQuery) -> OrderPage:
        """List, and lose the rest."""
        page = await super().list(query)
        return page if len(page.orders) == query.limit else OrderPage(page.orders, None)


class PortionsLoseTheRest(MemoryRepository):
    """What does not fit into a portion is taken for unknown."""

    async def get_some(self, order_ids: Sequence[str], max_bytes: int) -> Portion:
        """Read, and lose the rest."""
        return (await super().get_some(order_ids, max_bytes))._replace(left=())


class StatesAreOld(MemoryRepository):
    """The version that is told is not the order's."""

    async def get_states(self, order_ids: Sequence[str]) -> Mapping[str, OrderState]:
        """Tell an older version."""
        states = await super().get_states(order_ids)
        return {order_id: state._replace(version=state.version - 1) for order_id, state in states.items()}


class OwnLeasesAreTaken(MemoryRepository):
    """A claim takes over what its claimant runs."""

    async def claim(self, terms: ClaimTerms) -> Claimed:
        """Claim whatever seems to be left alone."""
        return await super().claim(replace(terms, running=()))


MUTANTS = {
    ClaimsIgnoreTheBound: "test_claim_keeps_to_its_bytes",
    ClaimsSayNothingOfMore: "test_claim_takes_one_order_at_least",
    PortionsOfAClaimRepeat: "test_claim_is_asked_again_in_portions",
    PagesIgnoreTheBound: "test_pages_keep_to_their_bytes",
    BoundedPagesEndTheList: "test_pages_keep_to_their_bytes",
    PortionsLoseTheRest: "test_reading_keeps_to_its_bytes",
    StatesAreOld: "test_states_are_those_of_the_orders",
    OwnLeasesAreTaken: "test_own_leases_are_left_alone",
}


class _Contract(BoundsContract, OwnLeasesContract):
    def __init__(self, repository: type[MemoryRepository]) -> None:
        self._repository = repository

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Harness]:
        """Open an empty mutant on a clock that stands still."""
        clock = ManualClock()
        yield Harness(self._repository(clock), clock.jump)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_kit_catches_the_mutant(mutant: type[MemoryRepository]) -> None:
    """The check that is named for a bug says that a promise is broken."""
    with pytest.raises(ContractBroken):
        getattr(_Contract(mutant), MUTANTS[mutant])()
