"""Suite: idempotency keys, and order ids that the engine made."""

from __future__ import annotations

from order_engine.contracts.expectations import expect_equal
from order_engine.contracts.samples import placement
from order_engine.contracts.scenario import RepositorySuite, scenario
from order_engine.contracts.trial import Trial
from order_engine.domain.commands import Action, Placement
from order_engine.ports.repository import Added, AddOutcome


class RepositoryKeys(RepositorySuite):
    """What `add` does with keys."""

    @scenario
    async def test_key_again_is_a_replay(self, trial: Trial) -> None:
        """The same request under the same key gives the first order, as it stands now."""
        await trial.place("order-1", idempotency_key="key-1")
        leased = await trial.take("order-1")
        added = await _add(trial, placement("order-1", idempotency_key="key-1"), AddOutcome.REPLAYED)
        expect_equal(added.order, leased, "the order that the replay answers with")

    @scenario
    async def test_key_with_other_content_is_refused(self, trial: Trial) -> None:
        """A key that was used with other content, or for another id, is refused and nothing is stored."""
        await trial.place("order-1", idempotency_key="key-1")
        for other in (
            placement("order-2", user_id="user-2", idempotency_key="key-1"),
            placement("order-2", idempotency_key="key-1"),
        ):
            await _add(trial, other, AddOutcome.KEY_REUSED)
        expect_equal(dict(await trial.repository.get(["order-2"])), {}, "the order refused")

    @scenario
    async def test_taken_id_goes_before_the_key(self, trial: Trial) -> None:
        """If the id exists with different content as well, the outcome is the conflict."""
        await trial.place("order-1", idempotency_key="key-1")
        await _add(trial, placement("order-1", user_id="user-2", idempotency_key="key-1"), AddOutcome.CONFLICT)

    @scenario
    async def test_made_id_is_no_content(self, trial: Trial) -> None:
        """If the engine makes the ids, the key alone decides: the second made id is dropped for the first order."""
        first = await trial.place("made-1", order_id_made=True, idempotency_key="key-1")
        again = placement("made-2", order_id_made=True, idempotency_key="key-1")
        added = await _add(trial, again, AddOutcome.REPLAYED)
        expect_equal(added.order, first, "the order that the replay answers with")
        expect_equal(dict(await trial.repository.get(["made-2"])), {}, "the order under the second made id")

    @scenario
    async def test_made_id_with_other_content_is_refused(self, trial: Trial) -> None:
        """A key with a made id and other content, or that named its id before, is refused."""
        await trial.place("made-1", order_id_made=True, idempotency_key="key-1")
        other = placement("made-2", order_id_made=True, idempotency_key="key-1", user_id="user-2")
        await _add(trial, other, AddOutcome.KEY_REUSED)
        await _add(trial, placement("order-1", idempotency_key="key-1"), AddOutcome.KEY_REUSED)
        await _add(trial, placement("made-1", idempotency_key="key-1"), AddOutcome.KEY_REUSED)

    @scenario
    async def test_refusal_uses_no_key_up(self, trial: Trial) -> None:
        """A request that is refused leaves its key free for another."""
        await trial.place("order-1")
        await _add(trial, placement("order-1", user_id="user-2", idempotency_key="key-1"), AddOutcome.CONFLICT)
        await _add(trial, placement("order-2", idempotency_key="key-1"), AddOutcome.ADDED)
        await _add(trial, placement("order-3", idempotency_key="key-1"), AddOutcome.KEY_REUSED)

    @scenario
    async def test_replay_binds_its_key(self, trial: Trial) -> None:
        """A key that comes with a replay is bound by it: it stands for that order from then on."""
        await trial.place("order-1")
        await _add(trial, placement("order-1", idempotency_key="key-1"), AddOutcome.REPLAYED)
        await _add(trial, placement("order-2", idempotency_key="key-1"), AddOutcome.KEY_REUSED)
        await _add(trial, placement("order-1", idempotency_key="key-1"), AddOutcome.REPLAYED)

    @scenario
    async def test_one_order_may_have_several_keys(self, trial: Trial) -> None:
        """Each request that met the order binds its own key to it."""
        await trial.place("order-1", idempotency_key="key-1")
        await _add(trial, placement("order-1", idempotency_key="key-2"), AddOutcome.REPLAYED)
        for key in ("key-1", "key-2"):
            await _add(trial, placement("order-1", idempotency_key=key), AddOutcome.REPLAYED)
            await _add(trial, placement("order-2", idempotency_key=key), AddOutcome.KEY_REUSED)

    @scenario
    async def test_keys_within_one_batch(self, trial: Trial) -> None:
        """A key that was bound by an earlier item of the batch counts for the later ones."""
        outcomes = await trial.add(
            placement("made-1", order_id_made=True, idempotency_key="key-1"),
            placement("made-2", order_id_made=True, idempotency_key="key-1"),
            placement("made-3", order_id_made=True, idempotency_key="key-1", user_id="user-2"),
            placement("made-4", order_id_made=True, idempotency_key="key-2"),
        )
        expected = [AddOutcome.ADDED, AddOutcome.REPLAYED, AddOutcome.KEY_REUSED, AddOutcome.ADDED]
        expect_equal([added.outcome for added in outcomes], expected, "the outcomes of a batch with keys")
        expect_equal(outcomes[1].order, outcomes[0].order, "the order that the replay answers with")

    @scenario
    async def test_key_lives_as_long_as_its_order(self, trial: Trial) -> None:
        """A key still stands for its order after the order has ended and time has passed."""
        await trial.place("order-1", idempotency_key="key-1")
        await trial.ask("order-1", Action.CANCEL)
        await trial.advance(86_400 * 400)
        added = await _add(trial, placement("order-1", idempotency_key="key-1"), AddOutcome.REPLAYED)
        expect_equal(added.order, await trial.order("order-1"), "the order that the replay answers with")


async def _add(trial: Trial, wanted: Placement, outcome: AddOutcome) -> Added:
    (added,) = await trial.add(wanted)
    key = f"under the key {wanted.idempotency_key!r}"
    expect_equal(added.outcome, outcome, f"the outcome of placing {wanted.order_id!r} for {wanted.user_id!r} {key}")
    return added
