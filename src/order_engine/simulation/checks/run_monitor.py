"""Who watches the runs of the processor in one life of one instance, and says so when they break a promise."""

from __future__ import annotations

from typing import Final

from order_engine.domain.order import Order, Status
from order_engine.domain.suspects import max_suspects
from order_engine.simulation.checks.record import Claimant, Run, RunEnd
from order_engine.simulation.faults.kinds import Fault
from order_engine.simulation.loop.owners import Owner
from order_engine.simulation.processes.clocks import SimulatedClock
from order_engine.simulation.world import World

EASILY: Final = 1 / 2
"""The part of the leases which a repository can renew in time that has to be made use of."""


class RunMonitor:
    """Sees each run begin and end."""

    def __init__(self, world: World, owner: Owner, claimant: Claimant) -> None:
        """Watch the life that `owner` stands for."""
        self._world = world
        self.clock: SimulatedClock = world.clock
        self._owner = owner
        self._claimant = claimant
        self.running: dict[tuple[str, int], Run] = {}
        """By order and token: beside a processor that ignores its cancellation the same order may run again."""
        self._suspects = 0

    def began(self, order: Order) -> tuple[Run, int]:
        """See a run begin; return it, and the how manieth run of its order it is."""
        world = self._world
        runs = world.record.runs[order.order_id]
        run = Run(order, self._claimant, world.loop.time())
        self._check(order, runs)
        runs.append(run)
        self.running[order.order_id, order.token] = run
        self._claimant.last_progress = run.began
        if not self.has_free_slot:
            self._claimant.full_since = min(self._claimant.full_since, run.began)
        if order.vanished:
            self._suspects += 1
            self._check_company(order)
        if world.trace is not None:
            what = f"starts {order.order_id}, token {order.token}, attempt {order.attempt} of round {order.round}"
            world.log(self._claimant.name, what, order.order_id)
        return run, len(runs)

    @property
    def has_free_slot(self) -> bool:
        """Whether fewer orders run than may, as far as it is seen from outside."""
        plan = self._world.plan
        renewed = plan.options.concurrency if plan.renewed_in_time is None else plan.renewed_in_time * EASILY
        return len(self.running) < min(plan.options.concurrency, renewed)

    def ended(self, run: Run, ending: RunEnd) -> None:
        """See it end. In a dead process nothing is seen any more."""
        if not self._owner.runs:
            return
        run.ended = self._claimant.last_progress = self._world.loop.time()
        run.ending = ending
        order = run.order
        if self.running.get((order.order_id, order.token)) is run:
            del self.running[order.order_id, order.token]
        if order.vanished:
            self._suspects -= 1
        if self._world.trace is not None:
            self._world.log(self._claimant.name, f"{ending.value} from {order.order_id}", order.order_id)

    def met(self, fault: Fault, order: Order) -> None:
        """See what is special about a run."""
        self._world.struck(fault, self._claimant.name, f"{fault}: {order.order_id}", order.order_id)

    def note_unsupported(self, order: Order, error: NotImplementedError) -> None:
        """See that the user's processor wants what no simulation has: a thread, a socket, a child process."""
        what = f"it needs what a simulation does not have ({str(error) or type(error).__name__}); give it a fake"
        self._violate("your own processor", what, order)

    def _check(self, order: Order, runs: list[Run]) -> None:
        if order.status is not Status.PROCESSING or not order.leased:
            self._violate("P3", f"{order.order_id} is run as {order.status}", order)
        if len(self.running) >= self._world.plan.options.concurrency:
            self._violate("concurrency", f"{len(self.running) + 1} orders run at once", order)
        if not runs:
            return
        if order.token <= runs[-1].order.token and not self._ended_before_its_time(order):
            self._violate(
                "P2", f"{order.order_id} is run under token {order.token} after {runs[-1].order.token}", order
            )
        for run in runs:
            if run.ended is None and not self._is_excused(run):
                self._violate("one at a time", f"{order.order_id} still runs in {run.claimant.name}", order)

    def _ended_before_its_time(self, order: Order) -> bool:
        """Whether the store's clock was set forward since the claim: nobody could know that it is too late."""
        hold = self._world.leases.get((order.order_id, order.token))
        return hold is not None and self._world.jumped_ahead(hold.since, self._world.loop.time())

    def _is_excused(self, run: Run) -> bool:
        """Whether a run may go on beside a later one: nobody could stop it, or its lease ended before its time."""
        if run.stubborn or run.claimant.dead or run.claimant.was_paused_since(run.began):
            return True
        # From the claim's effect on: its answer takes a moment, in which the clock may be set as well.
        hold = self._world.leases.get((run.order.order_id, run.order.token))
        return self._world.jumped_ahead(run.began if hold is None else hold.since, self._world.loop.time())

    def _check_company(self, order: Order) -> None:
        """Check that suspects run in the company that they may, as far as it is seen from outside."""
        most_vanished = max(run.order.vanished for run in self.running.values())
        most = max_suspects(self._world.plan.options.concurrency, most_vanished)
        if self._suspects > most:
            what = f"{self._suspects} suspects run at once where {most} may, {order.order_id} among them"
            self._violate("P7", what, order)

    def _violate(self, promise: str, what: str, order: Order) -> None:
        self._world.record.violate(promise, f"{what} in {self._claimant.name}", order.order_id)
