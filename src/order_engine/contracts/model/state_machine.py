"""State machine: hypothesis generates calls to a repository, and the model defines the expected results.

Each step is one call. After each step, the whole state of the repository is compared with the model, and checked
independently against the promises P2 to P5 and P8 and the lifecycle table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from order_engine.contracts import samples
from order_engine.contracts.expectations import ContractBroken, expect, expect_equal, expect_same_items
from order_engine.contracts.harness import RepositoryHarness
from order_engine.contracts.model import inputs
from order_engine.contracts.model.laws import StreamReader, check_history, check_replay
from order_engine.contracts.model.model import Model, expected_answer
from order_engine.domain.commands import Action, ClaimTerms, Command
from order_engine.domain.events import Event
from order_engine.domain.metrics import Statistics, fold_statistics
from order_engine.domain.order import Status
from order_engine.ports.repository import Added, Cursor, OrderQuery

STATEFUL_SETTINGS: Final = settings(
    max_examples=100,
    stateful_step_count=50,
    deadline=None,
    # The same steps in every run, so that results depend on the code only.
    derandomize=True,
    # Without the explain phase of hypothesis, which takes minutes here and is less helpful than the steps.
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    # A database may be slow to open, and colliding arguments are intended.
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large),
)

Result = TypeVar("Result")


def drive(open_repository: Callable[[], AbstractAsyncContextManager[RepositoryHarness]], how: settings) -> None:
    """Run the machine on a new repository for each example."""
    run_state_machine_as_test(lambda: RepositoryMachine(open_repository), settings=how)  # type: ignore[arg-type]


class RepositoryMachine(RuleBasedStateMachine):
    """Repository and model that execute the same steps."""

    def __init__(self, open_repository: Callable[[], AbstractAsyncContextManager[RepositoryHarness]]) -> None:
        """Open the repository in a separate event loop, which is closed at teardown."""
        super().__init__()
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._harness = self._run(self._stack.enter_async_context(open_repository()))
        self._repository = self._harness.repository
        self._reader = StreamReader()
        self._cursor: Cursor | None = None
        self._claims: list[ClaimTerms] = []
        self._commands: Sequence[Command] = ()
        self._checked: dict[str, int] = {}
        self._serial = count(1)

    def teardown(self) -> None:
        """Close the repository and the event loop."""
        try:
            self._run(self._stack.aclose())
        finally:
            self._runner.close()

    @initialize(
        contents=st.lists(st.sampled_from(sorted(inputs.CONTENTS)), min_size=1, max_size=len(inputs.ORDER_IDS)),
        pause=st.sampled_from((0.0, 1.0)),
    )
    def place_the_first_orders(self, contents: list[str], pause: float) -> None:
        """Place some orders; the first one shows the repository's time."""
        for name, content in zip(inputs.ORDER_IDS, contents, strict=False):
            placement = inputs.PlacementInput(name, content).placement(name)
            answers = self._run(self._repository.add([placement]))
            expect_equal(len(answers), 1, "the number of answers to placing one order")
            added = answers[0]
            if not hasattr(self, "_model"):
                self._model = Model(_time_of(added))
            expect_equal(added, self._model.add([placement], None)[0], f"the answer to placing {name!r}")
            self._turn(pause)

    @rule(placement_inputs=st.lists(inputs.placement_inputs, min_size=1, max_size=4))
    def add(self, placement_inputs: list[inputs.PlacementInput]) -> None:
        """Place a batch: new orders, replays, conflicts and keys of all kinds."""
        self._add(placement_inputs, None)

    @rule(
        placement_inputs=st.lists(inputs.placement_inputs, min_size=1, max_size=3),
        limit=inputs.limits,
        lease=inputs.leases,
    )
    def add_born_claimed(self, placement_inputs: list[inputs.PlacementInput], limit: int, lease: float) -> None:
        """Place a batch, the first of which are born claimed."""
        self._add(placement_inputs, self._terms(inputs.ClaimInput(limit=limit, lease=lease)))

    @rule(claim_input=inputs.claim_inputs)
    def claim(self, claim_input: inputs.ClaimInput) -> None:
        """Claim under a new claim id, as any worker might."""
        self._claim(self._terms(claim_input))

    @rule(claim_input=inputs.claim_inputs, seconds=inputs.forwards)
    def claim_and_vanish(self, claim_input: inputs.ClaimInput, seconds: float) -> None:
        """Claim orders without reporting while time passes."""
        self._claim(self._terms(claim_input))
        self._turn(seconds)

    @rule(attempts=st.lists(inputs.attempts, min_size=1, max_size=4))
    def work(self, attempts: list[inputs.AttemptInput]) -> None:
        """Claim an order by its id and report it, optionally with a client's actions in between and afterwards."""
        for each in attempts:
            self._claim(self._terms(inputs.ClaimInput(named=(each.name,))))
            if each.cancelled:
                self._apply([inputs.ActionInput(Action.CANCEL, each.name).command(self._model)])
            self._turn(each.seconds)
            self._apply([inputs.ReportInput(each.action, each.name, delay=each.delay).command(self._model)])
            if each.afterwards is not None:
                self._apply([inputs.ActionInput(each.afterwards, each.name).command(self._model)])

    @precondition(lambda self: self._claims)
    @rule(back=st.integers(min_value=0, max_value=2))
    def claim_again(self, back: int) -> None:
        """Repeat one of the last claims, as after a lost answer."""
        self._claim(self._claims[-1 - min(back, len(self._claims) - 1)])

    @rule(renewals=st.lists(inputs.renewals, min_size=1, max_size=3), seconds=inputs.leases)
    def renew(self, renewals: list[inputs.RenewalInput], seconds: float) -> None:
        """Renew current leases, and others."""
        leases = [renewal.lease(self._model) for renewal in renewals]
        answers = self._run(self._repository.renew(leases, seconds))
        expect_same_items(answers, self._model.renew(leases, seconds), f"the answers to renewing {leases}")

    @rule(report=inputs.reports)
    def report(self, report: inputs.ReportInput) -> None:
        """Report an attempt, mostly the current one."""
        self._apply([report.command(self._model)])

    @rule(ask=inputs.client_actions)
    def ask(self, ask: inputs.ActionInput) -> None:
        """Cancel or redrive."""
        self._apply([ask.command(self._model)])

    @rule(batch=st.lists(inputs.reports | inputs.client_actions, min_size=2, max_size=5))
    def apply_batch(self, batch: list[inputs.ReportInput | inputs.ActionInput]) -> None:
        """Apply a batch of mixed commands, with tokens and versions from before the batch."""
        self._apply([each.command(self._model) for each in batch])

    @rule()
    def apply_again(self) -> None:
        """Repeat the last call of `apply`, as after a lost answer."""
        self._apply(self._commands)

    @rule(seconds=inputs.forwards)
    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._turn(seconds)

    @rule(seconds=inputs.backwards)
    def set_back(self, seconds: float) -> None:
        """Set the repository's clock back."""
        self._turn(-seconds)

    @rule(
        limit=st.integers(min_value=1, max_value=4),
        status=st.none() | st.sampled_from(Status),
        user_id=st.sampled_from((None, None, "user-1", "user-2")),
    )
    def list_all(self, limit: int, status: Status | None, user_id: str | None) -> None:
        """Read all pages of a list."""
        newest_first = sorted(self._model.orders.values(), key=lambda order: (order.created_at, order.order_id))[::-1]
        expected = [
            order for order in newest_first if status in {None, order.status} and user_id in {None, order.user_id}
        ]
        query: OrderQuery | None = OrderQuery(limit=limit, status=status, user_id=user_id)
        while query is not None:
            page = self._run(self._repository.list(query))
            expect_same_items(page.orders, expected[:limit], f"the page for {query}")
            expected = expected[limit:]
            expect_equal(page.next is None, not expected, f"whether the page for {query} is the last")
            query = None if page.next is None else replace(query, after=page.next)

    @rule(after=st.integers(min_value=0, max_value=8), limit=st.integers(min_value=1, max_value=4), name=inputs.any_ids)
    def page_of_history(self, after: int, limit: int, name: str) -> None:
        """Read a part of a history."""
        page = self._run(self._repository.history(name, after, limit))
        expected = self._model.histories.get(name, [])[after : after + limit]
        expect_same_items(page, expected, f"the history of {name!r} after version {after}, {limit} events at most")

    @invariant()
    def compare(self) -> None:
        """Compare the whole state of the repository with the model."""
        self._compare_orders()
        self._compare_histories()
        self._compare_stream()
        self._compare_counts()

    def _compare_orders(self) -> None:
        """Compare all orders with the model's, and check that no others exist."""
        asked = [*self._model.orders, *inputs.ORDER_IDS, *inputs.MORE_IDS, inputs.UNKNOWN_ID]
        stored = self._run(self._repository.get(asked))
        expect_equal(sorted(stored), sorted(self._model.orders), "the ids of the orders that exist")
        expect_equal(dict(stored), self._model.orders, "the orders, compared with the model's")

    def _compare_histories(self) -> None:
        """Compare all histories with the model's, and check their invariants (P2, P3) and replay."""
        for name, history in self._run(self._histories()).items():
            if len(history) != self._checked.get(name):
                check_history(history)
                check_replay(self._model.placements[name], history, self._model.orders[name])
            expect_equal(history, self._model.histories[name], f"the history of {name!r}, compared with the model's")
            self._checked[name] = len(history)

    def _compare_stream(self) -> None:
        """Check that following the cursors yields every event once, each order's in version order (P5)."""
        self._run(self._follow())
        expect_equal(dict(self._reader.histories()), self._model.histories, "the events of each order in the stream")

    def _compare_counts(self) -> None:
        """Compare the metrics with those computed from the histories (P8)."""
        counted = self._run(self._repository.statistics())
        folded = fold_statistics(event for history in self._model.histories.values() for event in history)
        expect_equal(_plain(counted), _plain(folded), "the metrics: orders, statuses, microseconds of processing")

    async def _histories(self) -> Mapping[str, list[Event]]:
        read = self._repository.history
        return {name: list(await read(name, 0, samples.WHOLE_HISTORY)) for name in self._model.histories}

    async def _follow(self) -> None:
        while True:
            page = await self._repository.events(self._cursor, 3)
            self._reader.read(page.events)
            self._cursor = page.next
            if not page.events:
                return

    def _add(self, placement_inputs: Sequence[inputs.PlacementInput], hold: ClaimTerms | None) -> None:
        placements = [wanted.placement(f"made-{next(self._serial)}") for wanted in placement_inputs]
        answers = self._run(self._repository.add(placements, hold))
        expect_same_items(answers, self._model.add(placements, hold), f"the answers to adding {placement_inputs}")

    def _claim(self, terms: ClaimTerms) -> None:
        self._model.claim(terms, self._run(self._repository.claim(terms)))

    def _apply(self, commands: Sequence[Command]) -> None:
        self._commands = commands
        answers = self._run(self._repository.apply(commands))
        expected = self._model.apply(commands)
        expect(len(answers) == len(commands), f"{len(commands)} commands must have as many answers: {answers}")
        for command, answered, right in zip(commands, answers, expected, strict=True):
            expect_equal(answered, expected_answer(right, command, answered), f"the answer to {command}")

    def _turn(self, seconds: float) -> None:
        self._run(self._harness.advance(seconds))
        self._model.advance(seconds)

    def _terms(self, claim_input: inputs.ClaimInput) -> ClaimTerms:
        terms = claim_input.terms(f"claim-{next(self._serial)}")
        self._claims.append(terms)
        return terms

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        # Not `Runner.run`, which installs signal handlers each time: that took half of the time.
        return self._runner.get_loop().run_until_complete(work)


def _time_of(added: Added) -> datetime:
    """Return the time at which the first order was placed, which is the repository's current time."""
    if added.order is None:
        message = f"an empty repository must add its first order; the answer was {added}"
        raise ContractBroken(message)
    return added.order.created_at


def _plain(statistics: Statistics) -> tuple[int, dict[Status, int], int]:
    return statistics.total_orders, dict(statistics.status_counts), statistics.processing_microseconds
