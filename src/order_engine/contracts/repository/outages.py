"""Suite: databases that fail in the middle of a call. The caller's answer is true, and the call may be repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from order_engine.contracts.expectations import ContractBroken, expect, expect_equal
from order_engine.contracts.fault_hooks import carry_out, needed
from order_engine.contracts.model.laws import check_history
from order_engine.contracts.samples import LEASE_SECONDS, placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Snapshot, Trial
from order_engine.domain.commands import Action, Command, Lease
from order_engine.domain.errors import OutcomeUnknown, Unavailable
from order_engine.domain.events import Event
from order_engine.domain.metrics import fold_statistics
from order_engine.domain.order import Order
from order_engine.ports.repository import AddOutcome, OrderQuery, Renewed

ORDERS: Final = ("order-1", "order-2", "order-3")
"""All orders of these tests."""

Call: TypeAlias = Callable[[], Awaitable[object]]
StoredState: TypeAlias = "tuple[Snapshot, Sequence[Event]]"


class RepositoryOutages(RepositorySuite):
    """Which of Unavailable and OutcomeUnknown a call raises, what it left behind, and what it answers again."""

    @scenario
    async def test_placing_that_breaks_before_its_commit(self, trial: Trial) -> None:
        """A placing that breaks before its commit leaves nothing, and stores everything when it is repeated."""
        await _break_before_commit(trial, await _placing(trial))

    @scenario
    async def test_placing_beside_a_replay_that_breaks_before_its_commit(self, trial: Trial) -> None:
        """Likewise where a part of the batch was there before."""
        await _break_before_commit(trial, await _placing_again(trial))

    @scenario
    async def test_claim_that_breaks_before_its_commit(self, trial: Trial) -> None:
        """A claim that fails before its commit leases nothing, and returns its orders when repeated."""
        await _break_before_commit(trial, await _claiming(trial))

    @scenario
    async def test_renewal_that_breaks_before_its_commit(self, trial: Trial) -> None:
        """A renewal that breaks before its commit extends nothing, and extends the lease when it is repeated."""
        await _break_before_commit(trial, await _renewing(trial))

    @scenario
    async def test_report_that_breaks_before_its_commit(self, trial: Trial) -> None:
        """Reports that break before their commit end nothing, and are applied when they are repeated."""
        await _break_before_commit(trial, await _reporting(trial))

    @scenario
    async def test_action_that_breaks_before_its_commit(self, trial: Trial) -> None:
        """Clients' actions that break before their commit change nothing, and are applied when they are repeated."""
        await _break_before_commit(trial, await _acting(trial))

    @scenario
    async def test_placing_that_breaks_after_its_commit(self, trial: Trial) -> None:
        """A placement with a lost answer is stored; repeated it is a replay, its orders leased by its claim."""
        await _break_after_commit(trial, await _placing(trial))

    @scenario
    async def test_placing_beside_a_replay_that_breaks_after_its_commit(self, trial: Trial) -> None:
        """Likewise where a part of the batch was there before."""
        await _break_after_commit(trial, await _placing_again(trial))

    @scenario
    async def test_claim_that_breaks_after_its_commit(self, trial: Trial) -> None:
        """A claim with a lost answer returns its leased orders when repeated."""
        await _break_after_commit(trial, await _claiming(trial))

    @scenario
    async def test_renewal_that_breaks_after_its_commit(self, trial: Trial) -> None:
        """A renewal whose answer is lost has extended the lease, and may be repeated."""
        await _break_after_commit(trial, await _renewing(trial))

    @scenario
    async def test_report_that_breaks_after_its_commit(self, trial: Trial) -> None:
        """Reports whose answer is lost are applied whole, once, and answer so when they are repeated."""
        await _break_after_commit(trial, await _reporting(trial))

    @scenario
    async def test_action_that_breaks_after_its_commit(self, trial: Trial) -> None:
        """Clients' actions whose answer is lost are applied whole, once, and answer so when they are repeated."""
        await _break_after_commit(trial, await _acting(trial))

    @scenario
    async def test_reading_that_breaks_is_unavailable(self, trial: Trial) -> None:
        """A call that reads raises Unavailable and nothing else, and works when it is repeated."""
        break_reading = needed(trial.faults.break_reading, "break_reading")
        await trial.place("order-1")
        repository = trial.repository
        calls: list[Call] = [
            lambda: repository.get(["order-1", "order-2"]),
            lambda: repository.list(OrderQuery(limit=10)),
            lambda: repository.history("order-1", 0, 10),
            lambda: repository.events(None, 10),
            repository.statistics,
        ]
        for call in calls:
            await carry_out(break_reading())
            error = await _error_of(call)
            expect(not isinstance(error, OutcomeUnknown), f"a read must not raise OutcomeUnknown: {error!r}")
            await call()

    @scenario
    async def test_without_room_nothing_changes(self, trial: Trial) -> None:
        """Where nothing can be written, `apply` without commands finds that out too; with room again all goes on."""
        allow_writing = needed(trial.faults.allow_writing, "allow_writing")
        leased = await trial.place_and_claim("order-1")
        before = await _read_all(trial)
        await carry_out(allow_writing(False))  # noqa: FBT003 - the hook's one parameter
        calls: list[Call] = [
            lambda: trial.repository.apply([]),
            lambda: trial.repository.add([placement("order-2", idempotency_key="key-1")]),
            lambda: trial.repository.apply([Command("order-1", Action.COMPLETE, token=leased.token)]),
            lambda: trial.repository.apply([]),
        ]
        for call in calls:
            error = await _error_of(call)
            expect(isinstance(error, Unavailable), f"a call that cannot write is Unavailable, not {error!r}")
        await carry_out(allow_writing(True))  # noqa: FBT003 - the hook's one parameter
        expect_equal(len(await trial.repository.apply([])), 0, "the outcomes of applying nothing")
        _expect_same(await _read_all(trial), before, "what is stored after a time without room")
        await trial.place("order-2", idempotency_key="key-1")
        applied = await trial.report(leased, Action.COMPLETE)
        expect_equal(applied.refusal, None, "the refusal of a report with room again")


async def _placing(trial: Trial) -> Call:
    """Return the placing of new orders, one of them born claimed; the answer is looked at each time."""
    await trial.place("order-3")
    hold = trial.terms(limit=1)
    wanted = (placement("order-1", idempotency_key="key-1"), placement("order-2"))

    async def place() -> None:
        outcomes = await trial.add(*wanted, hold=hold)
        _expect_there([added.outcome for added in outcomes])
        leased = [added.order.claim_id == hold.claim_id for added in outcomes if added.order and added.order.leased]
        expect_equal(leased, [True], "which of the orders are held, by the claim of the placing")

    return place


async def _placing_again(trial: Trial) -> Call:
    """Return the placing of a batch of which a part was there before."""
    await trial.place("order-1")
    wanted = (placement("order-1", idempotency_key="key-1"), placement("order-2"), placement("order-3"))

    async def place() -> None:
        _expect_there([added.outcome for added in await trial.add(*wanted)])

    return place


async def _claiming(trial: Trial) -> Call:
    """Return a claim that hands one order out and ends another."""
    await trial.place_and_claim("order-1", lease_seconds=1.0)
    await trial.ask("order-1", Action.CANCEL)
    await trial.advance(2)
    await trial.place("order-2")
    terms = trial.terms()

    async def claim() -> None:
        leased = [order.order_id for order in (await trial.repository.claim(terms)).orders]
        expect_equal(leased, ["order-2"], "the orders that the claim hands out")

    return claim


async def _renewing(trial: Trial) -> Call:
    """Return a renewal, looked at by the lease that it leaves."""
    leased = await trial.place_and_claim("order-1", lease_seconds=1.0)

    async def renew() -> None:
        outcomes = await trial.repository.renew([Lease(leased.order_id, leased.token)], LEASE_SECONDS)
        expect_equal(list(outcomes), [Renewed.HELD], "the outcome of the renewal")
        after = await trial.order("order-1")
        expect(_lease_ends_later(leased, after), "a renewal that is answered has extended the lease")

    return renew


async def _reporting(trial: Trial) -> Call:
    """Return reports on two attempts, with different ends."""
    first, second = await trial.place_and_claim("order-1"), await trial.place_and_claim("order-2")
    reports = (
        Command("order-1", Action.COMPLETE, token=first.token),
        Command("order-2", Action.RETRY, token=second.token, delay=10.0, reason="not yet"),
    )
    return _applying(trial, *reports)


async def _acting(trial: Trial) -> Call:
    """Return the cancellation of an order that waits, and of one that is worked on."""
    await trial.place_and_claim("order-1")
    await trial.place("order-2")
    return _applying(trial, Command("order-1", Action.CANCEL), Command("order-2", Action.CANCEL))


def _applying(trial: Trial, *commands: Command) -> Call:
    async def apply() -> None:
        refusals = [applied.refusal for applied in await trial.apply(*commands)]
        expect_equal(refusals, [None] * len(commands), "the refusals of the commands")

    return apply


async def _break_before_commit(trial: Trial, call: Call) -> None:
    """Break a call before its commit: nothing may be left of it. Repeated, it takes effect, once."""
    break_before_commit = needed(trial.faults.break_before_commit, "break_before_commit")
    before = await _read_all(trial)
    await carry_out(break_before_commit())
    if await _error_of(call) is not None:
        _expect_same(await _read_all(trial), before, "what is stored after a call that broke before its commit")
    # Else it has asked again by itself, since it knew that nothing had taken effect.
    await _expect_repeatable(trial, call)


async def _break_after_commit(trial: Trial, call: Call) -> None:
    """Break a call after its commit: it has taken effect whole, and the answer must not deny that."""
    break_after_commit = needed(trial.faults.break_after_commit, "break_after_commit")
    before = await _read_all(trial)
    await carry_out(break_after_commit())
    error = await _error_of(call)
    after = await _read_all(trial)
    expect(after != before, "the harness lets the call take effect before its answer is lost; this one took none")
    expect(isinstance(error, OutcomeUnknown), f"a call whose answer is lost is OutcomeUnknown, not {error!r}")
    await _check_counters(trial)
    await call()
    _expect_same(await _read_all(trial), after, "what is stored after repeating a call whose answer was lost")
    await _expect_repeatable(trial, call)


async def _expect_repeatable(trial: Trial, call: Call) -> None:
    await call()
    after = await _read_all(trial)
    await _check_counters(trial)
    await call()
    _expect_same(await _read_all(trial), after, "what is stored after the same call once more")


async def _error_of(call: Call) -> Unavailable | OutcomeUnknown | None:
    """Return what a call raises that its port allows; None where it succeeds."""
    try:
        await call()
    except (Unavailable, OutcomeUnknown) as error:
        return error
    except ContractBroken:
        raise
    except Exception as error:
        message = f"a call raises Unavailable or OutcomeUnknown, and raises no error of the database: {error!r}"
        raise ContractBroken(message) from error
    return None


async def _read_all(trial: Trial) -> StoredState:
    return await trial.snapshot(*ORDERS), await trial.stream()


async def _check_counters(trial: Trial) -> None:
    """Check that orders, histories, stream and counts tell one story: they change together or not at all."""
    snapshot, stream = await _read_all(trial)
    for order_id, history in snapshot.histories.items():
        check_history(history)
        order = snapshot.orders.get(order_id)
        expect_equal(
            0 if order is None else order.version, len(history), f"the version and the history of {order_id!r}"
        )
    expect_equal(len(stream), sum(map(len, snapshot.histories.values())), "the number of events in the stream")
    expect_equal(snapshot.statistics, fold_statistics(stream), "the counts, and those of the stream")


def _expect_same(actual: StoredState, expected: StoredState, what: str) -> None:
    expect_equal(actual[0], expected[0], what)
    expect_equal(list(actual[1]), list(expected[1]), f"{what}, in the stream of events")


def _expect_there(outcomes: Sequence[AddOutcome]) -> None:
    there = all(outcome in {AddOutcome.ADDED, AddOutcome.REPLAYED} for outcome in outcomes)
    expect(there, f"each order was added or is a replay, not {outcomes}")


def _lease_ends_later(before: Order, after: Order) -> bool:
    return before.lease_ends is not None and after.lease_ends is not None and after.lease_ends > before.lease_ends
