"""Planted bugs in a repository: what an adapter may get wrong."""

from __future__ import annotations

from collections.abc import Sequence

from order_engine.domain.commands import ClaimTerms, Placement
from order_engine.ports.repository import Added
from order_engine_adapters.memory import MemoryRepository
from tests.unit.contracts import mutants_applying, mutants_claiming, mutants_placing, mutants_telling
from tests.unit.simulation.planted import (
    CLIENTS,
    CRASHES,
    CROWDS,
    FOLLOWED_JUMPS,
    JUMPS,
    KILLERS,
    LOST_ANSWERS,
    OUTAGES,
    PROCESSORS,
    stores,
)


class LosesWhatItAcknowledged(MemoryRepository):
    """One order in twenty is answered and not kept: a store that is not durable."""

    async def add(self, placements: Sequence[Placement], hold: ClaimTerms | None = None) -> Sequence[Added]:
        """Add all of them elsewhere, and answer from there."""
        if len(self._history) % 20 != 19:
            return await super().add(placements, hold)
        return await MemoryRepository(self._clock).add(placements)


stores(mutants_applying.CompletionIsNotFenced, "P2", within=200, where=JUMPS)
stores(mutants_applying.RetryIsNotFenced, "P7", within=200, where=JUMPS)
stores(mutants_applying.RepeatedCompletionIsToldAgain, "P3", within=20)
stores(mutants_applying.CancelRequestDoesNotOutlastTheReport, "P3", "limits", "cancel", within=40, where=CLIENTS)
stores(mutants_applying.TokenStartsAgainAtRedrive, "P2", within=20, where=PROCESSORS)
stores(mutants_applying.TimesRunBackwards, "P3", "P8", within=60, where=FOLLOWED_JUMPS)
stores(mutants_claiming.LeasesEndEarly, "one at a time", within=40)
stores(mutants_claiming.CancelRequestIsForgotten, "P3", "limits", "cancel", within=60, where=CRASHES)
stores(mutants_claiming.OneMoreThanTheLimit, "concurrency", within=60)
stores(mutants_claiming.SuspectsNeedNoRoom, "P7", within=20, where=KILLERS)
stores(mutants_claiming.RoomIsAskedOncePerClaim, "P7", within=20, where=KILLERS)
stores(mutants_claiming.EndedLeasesAreAlwaysTaken, "P7", within=60, where=OUTAGES)
stores(mutants_claiming.ClaimIsNotIdempotent, "P7", within=60, where=LOST_ANSWERS)
stores(mutants_claiming.ClaimAgainIsEmpty, "P7", within=60, where=LOST_ANSWERS)
stores(mutants_claiming.RenewalIsANewVersion, "P3", within=20)
stores(mutants_claiming.RenewalHidesTheCancelRequest, "limits", within=100, where=CLIENTS)
stores(mutants_placing.ReplayOverwrites, "P2", "P3", within=20)
stores(mutants_placing.ConflictOverwrites, "P4", within=20, where=CLIENTS)
stores(mutants_placing.BornClaimedWithoutTheClaim, "P3", within=20)
stores(mutants_placing.HoldKnowsNoLimit, "concurrency", within=60)
stores(mutants_placing.RepeatedItemsAreDropped, "P4", within=20)
stores(mutants_telling.RetryIsNotTold, "P3", within=20, where=PROCESSORS)
stores(mutants_telling.EventTellsAnotherStatus, "P3", within=20, where=CLIENTS)
stores(mutants_telling.EventTellsThePreviousVersion, "P3", within=20, where=PROCESSORS)
stores(mutants_telling.ReportIsToldWithoutItsToken, "P2", "P3", within=20)
stores(mutants_telling.StreamSkips, "P5", within=40, where=CROWDS)
stores(mutants_telling.StreamRepeats, "P5", "P3", within=20)
stores(mutants_telling.StreamRunsBackwardsWithinAPage, "P5", "P3", within=20)
stores(mutants_telling.CancelIsCountedTwice, "P8", within=20, where=CLIENTS)
stores(mutants_telling.RedriveIsNotCounted, "P8", within=20, where=PROCESSORS)
stores(mutants_telling.FailureIsNotCounted, "P8", within=20, where=PROCESSORS)
stores(mutants_telling.ProcessingTimeCountsFailures, "P8", within=40, where=PROCESSORS)
stores(mutants_telling.ProcessingTimeBeginsInTheFirstRound, "P8", within=60, where=PROCESSORS)
stores(mutants_telling.ProcessingTimeIsInMilliseconds, "P8", within=20)

stores(LosesWhatItAcknowledged, "P1", "P4", within=10)
