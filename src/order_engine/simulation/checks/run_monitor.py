"""Monitor of the processor's runs in one process, which checks promises as they begin and end."""

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
"""Part of the leases that a repository can renew in time that must be used."""


class RunMonitor:
    """Observes the start and end of each run."""

    def __init__(self, world: World, owner: Owner, claimant: Claimant) -> None:
        """Watch the process represented by `owner`."""
        self._world = world
        self.clock: SimulatedClock = world.clock
        self._owner = owner
        self._claimant = claimant
        self.running: dict[tuple[str, int], Run] = {}
        """By order id and token: an order may run again while a processor ignores its cancellation."""
        self._suspects = 0

    def began(self, order: Order) -> tuple[Run, int]:
        """Record the start of a run; return it, and the number of runs of its order so far."""
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
        """Whether fewer orders than allowed are running, as far as can be observed."""
        plan = self._world.plan
        renewed = plan.options.concurrency if plan.renewed_in_time is None else plan.renewed_in_time * EASILY
        return len(self.running) < min(plan.options.concurrency, renewed)

    def ended(self, run: Run, ending: RunEnd) -> None:
        """Record the end of a run. Dead processes record nothing."""
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
        """Record the fault of a run."""
        self._world.struck(fault, self._claimant.name, f"{fault}: {order.order_id}", order.order_id)

    def note_unsupported(self, order: Order, error: NotImplementedError) -> None:
        """Report that the user's processor uses a thread, socket or child process, which simulations do not support."""
        what = (
            f"it uses something that a simulation does not support ({str(error) or type(error).__name__}); use a fake"
        )
        self._violate("your own processor", what, order)

    def _check(self, order: Order, runs: list[Run]) -> None:
        if order.status is not Status.PROCESSING or not order.leased:
            self._violate("P3", f"{order.order_id} is run as {order.status}", order)
        if len(self.running) >= self._world.plan.options.concurrency:
            self._violate("concurrency", f"{len(self.running) + 1} orders run at once", order)
        if not runs:
            return
        if order.token <= runs[-1].order.token and not self._ended_before_its_time(order):
            self._violate("P2", f"{order.order_id} runs with token {order.token} after {runs[-1].order.token}", order)
        for run in runs:
            if run.ended is None and not self._is_excused(run):
                self._violate("one at a time", f"{order.order_id} still runs in {run.claimant.name}", order)

    def _ended_before_its_time(self, order: Order) -> bool:
        """Return whether the repository's clock was set forward since the claim, so that the lease expired early."""
        hold = self._world.leases.get((order.order_id, order.token))
        return hold is not None and self._world.jumped_ahead(hold.since, self._world.loop.time())

    def _is_excused(self, run: Run) -> bool:
        """Return whether a run may overlap a later one: it cannot be stopped, or its lease expired early."""
        if run.stubborn or run.claimant.dead or run.claimant.was_paused_since(run.began):
            return True
        # Count from when the claim took effect: the clock may be set before its answer arrives.
        hold = self._world.leases.get((run.order.order_id, run.order.token))
        return self._world.jumped_ahead(run.began if hold is None else hold.since, self._world.loop.time())

    def _check_company(self, order: Order) -> None:
        """Check that no more suspects run than allowed, as far as can be observed."""
        most_vanished = max(run.order.vanished for run in self.running.values())
        most = max_suspects(self._world.plan.options.concurrency, most_vanished)
        if self._suspects > most:
            what = f"{self._suspects} suspects run at once instead of {most}, {order.order_id} among them"
            self._violate("P7", what, order)

    def _violate(self, promise: str, what: str, order: Order) -> None:
        self._world.record.violate(promise, f"{what} in {self._claimant.name}", order.order_id)
