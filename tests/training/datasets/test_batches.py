import gc
import itertools
import weakref

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, likelihoods
from vae_tf.training import datasets

BINARIZATIONS = ("none", "static", "dynamic")
COUNT, BATCH = 11, 4  # three batches an epoch, the last of three examples


@pytest.fixture
def grey() -> np.ndarray:
    """Eleven examples: four pixels that say who it is in bits, and sixteen that are half grey."""
    bits = (np.arange(COUNT)[:, None] >> np.arange(4)) % 2
    return np.concatenate([bits, np.full((COUNT, 16), 0.5)], axis=1).astype(np.float32)


def who(rows: np.ndarray) -> list[int]:
    return (rows[:, :4] @ [1, 2, 4, 8]).astype(int).tolist()


def batches(x, count: int, **options) -> list[np.ndarray]:
    options = {"seed": 3, "binarization": "none", **options}
    stream = datasets.training_batches(x, options.pop("batch_size", BATCH), **options)
    return list(stream.take(count).as_numpy_iterator())


def epochs(x, count: int, **options) -> list[np.ndarray]:
    """The examples of each epoch, in their order."""
    parts = batches(x, 3 * count, **options)
    return [np.concatenate(parts[first : first + 3]) for first in range(0, len(parts), 3)]


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8])
def test_steps_of_an_epoch_count_the_smaller_last_batch(count):
    assert datasets.steps_per_epoch(count, 4) == {1: 1, 3: 1, 4: 1, 5: 2, 8: 2}[count]


def test_each_epoch_is_a_permutation_of_its_own(grey):
    found = [who(epoch) for epoch in epochs(grey, 4)]
    assert all(sorted(order) == list(range(COUNT)) for order in found)
    assert len({tuple(order) for order in found}) == 4
    assert list(range(COUNT)) not in found


def test_without_shuffling_every_epoch_has_the_order_of_the_data(grey):
    assert [who(epoch) for epoch in epochs(grey, 3, shuffle=False)] == 3 * [list(range(COUNT))]
    later = batches(grey, 2, shuffle=False, epoch=5, step=1)
    assert [who(batch) for batch in later] == [[4, 5, 6, 7], [8, 9, 10]]
    drawn = epochs(grey, 2, shuffle=False, binarization="dynamic")
    assert (drawn[0] != drawn[1]).any()  # the pixels are drawn anew


def test_the_last_batch_of_an_epoch_is_smaller(grey):
    assert [batch.shape for batch in batches(grey, 6)] == [(4, 20), (4, 20), (3, 20)] * 2


@pytest.mark.parametrize("block", [1, 2 * BATCH * 20])
def test_blocks_leave_the_batches_of_an_epoch_as_they_are(grey, monkeypatch, block):
    whole = batches(grey, 6)
    monkeypatch.setattr(datasets.batches, "BLOCK", block)
    for one, other in zip(whole, batches(grey, 6), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_batch_may_be_larger_than_the_data(grey):
    (one, other) = batches(grey, 2, batch_size=100)
    assert sorted(who(one)) == sorted(who(other)) == list(range(COUNT))


def test_the_seed_decides_the_order(grey):
    np.testing.assert_array_equal(epochs(grey, 2), epochs(grey, 2))
    assert who(epochs(grey, 1)[0]) != who(epochs(grey, 1, seed=4)[0])


@pytest.mark.parametrize("block", [1, 2 * BATCH * 20, 2**20], ids=["a batch", "two batches", "an epoch"])
@pytest.mark.parametrize("binarization", BINARIZATIONS)
@pytest.mark.parametrize(("epoch", "step"), [(0, 1), (1, 0), (1, 2), (3, 1)])
def test_a_stream_that_begins_later_is_the_rest_of_one_that_began_before(
    grey, binarization, epoch, step, block, monkeypatch
):
    monkeypatch.setattr(datasets.batches, "BLOCK", block)  # values that are drawn together
    whole = batches(grey, 15, binarization=binarization)
    rest = batches(grey, 15 - 3 * epoch - step, binarization=binarization, epoch=epoch, step=step)
    for one, other in zip(whole[3 * epoch + step :], rest, strict=True):
        np.testing.assert_array_equal(one, other)


def test_dynamic_images_are_drawn_anew_at_each_epoch_and_static_ones_once(grey):
    drawn = {name: epochs(grey, 3, binarization=name) for name in BINARIZATIONS}
    in_order = {name: [epoch[np.argsort(who(epoch))] for epoch in found] for name, found in drawn.items()}
    for epoch in in_order["none"]:
        np.testing.assert_array_equal(epoch, grey)
    for name in ("static", "dynamic"):
        assert set(np.unique(in_order[name])) == {0, 1}
        for epoch in in_order[name]:
            np.testing.assert_array_equal(epoch[:, :4], grey[:, :4])  # black and white stay
    one, *others = in_order["static"]
    assert all(np.array_equal(one, other) for other in others)
    for one, other in itertools.pairwise(in_order["dynamic"]):
        assert (one[:, 4:] != other[:, 4:]).mean() > 0.35  # half of 176 pixels, less 4 standard errors


@pytest.mark.parametrize("binarization", ["static", "dynamic"])
def test_ones_are_as_frequent_as_the_grey_values_say(binarization):
    x = np.tile(np.uint8([0, 51, 128, 204, 255]), (2000, 1))
    (batch,) = batches(x, 1, batch_size=2000, binarization=binarization)
    # 4 standard errors of 2,000 draws are at most 0.045.
    np.testing.assert_allclose(batch.mean(axis=0), x[0] / 255, atol=0.045)
    assert batch.mean(axis=0)[[0, -1]].tolist() == [0, 1]


def test_dynamic_images_of_another_seed_are_others(grey):
    one, other = (epochs(grey, 1, binarization="dynamic", seed=seed)[0] for seed in (3, 4))
    assert not np.array_equal(one[np.argsort(who(one))], other[np.argsort(who(other))])


def test_uint8_is_scaled_to_0_and_1_in_float32(rng):
    x = rng.integers(0, 256, (COUNT, 3, 3, 1), dtype=np.uint8)
    (train,) = batches(x, 1, batch_size=COUNT)
    (test,) = datasets.evaluation_batches(x, COUNT, seed=0, binarization="none").as_numpy_iterator()
    assert train.dtype == test.dtype == np.float32
    np.testing.assert_array_equal(test, x.astype(np.float32) / np.float32(255))
    assert sorted(train.ravel()) == sorted(test.ravel())


@pytest.mark.parametrize(
    ("likelihood", "largest"),
    [
        (likelihoods.NegativeBinomial((3,)), 255),
        (likelihoods.Categorical((3,), 4), 255),
        (likelihoods.Bernoulli((3,)), 1),
        (likelihoods.Normal((3,)), 1),
        (likelihoods.DiscretizedLogisticMixture((3,)), 1),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_uint8_are_counts_for_a_likelihood_of_whole_numbers_and_pixels_for_others(likelihood, largest):
    x = np.uint8([[0, 7, 255]])
    for values in (x, x.astype(np.float32)):
        kept = datasets.stored(values, likelihood)
        seen = datasets.as_evaluated(kept, seed=0, binarization="none")
        assert seen.max() == (largest if values.dtype == np.uint8 else 255)


def test_other_values_are_not_scaled(rng):
    x = rng.normal(0, 100, (COUNT, 3)).astype(np.float32)
    (test,) = datasets.evaluation_batches(x, COUNT, seed=0, binarization="none").as_numpy_iterator()
    np.testing.assert_array_equal(test, x)
    np.testing.assert_array_equal(datasets.scaled(tf.constant(x)), x)


@pytest.mark.parametrize("binarization", BINARIZATIONS)
def test_evaluation_goes_once_through_the_data_in_order_and_repeats(grey, binarization):
    stream = datasets.evaluation_batches(grey, BATCH, seed=3, binarization=binarization)
    once, again = (list(stream.as_numpy_iterator()) for _ in range(2))
    assert [len(batch) for batch in once] == [4, 4, 3]
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert who(np.concatenate(once)) == list(range(COUNT))
    made_anew = datasets.evaluation_batches(grey, COUNT, seed=3, binarization=binarization)
    np.testing.assert_array_equal(next(made_anew.as_numpy_iterator()), np.concatenate(once))
    if binarization == "none":
        np.testing.assert_array_equal(np.concatenate(once), grey)
    else:
        assert set(np.unique(once[0])) == {0, 1}
        of_another_seed = datasets.evaluation_batches(grey, COUNT, seed=4, binarization=binarization)
        assert not np.array_equal(next(of_another_seed.as_numpy_iterator()), np.concatenate(once))


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_size_below_1_is_refused(grey, size):
    message = f"batch_size is {size}: give at least 1"
    with pytest.raises(InputError, match=message):
        batches(grey, 1, batch_size=size)
    with pytest.raises(InputError, match=message):
        datasets.evaluation_batches(grey, size, seed=0, binarization="none")
    with pytest.raises(InputError, match=message):
        datasets.steps_per_epoch(10, size)


@pytest.mark.parametrize("binarization", ["static", "dynamic"])
def test_what_is_no_probability_is_not_binarised(grey, binarization):
    grey[5, 6] = 1.5
    with pytest.raises(InputError, match=r"from 0 to 1\.5, but binarisation takes probabilities"):
        batches(grey, 1, binarization=binarization)
    with pytest.raises(InputError, match=r"from 0 to 1\.5, but binarisation takes probabilities"):
        datasets.evaluation_batches(grey, 4, seed=0, binarization=binarization)
    assert len(batches(grey, 1)) == 1  # as they are, they are welcome


def test_the_array_is_not_kept_beside_the_tensor(grey):
    x = grey.copy()
    kept = weakref.ref(x)
    stream = datasets.training_batches(x, BATCH, seed=3, binarization="dynamic")
    next(iter(stream))
    del x
    gc.collect()
    assert kept() is None
    next(iter(stream))


def test_examples_as_evaluated_are_those_of_the_evaluation_batches(grey, monkeypatch):
    monkeypatch.setattr(datasets.batches, "ROWS_TOGETHER", 4)
    for binarization in BINARIZATIONS:
        seen = datasets.as_evaluated(grey, seed=3, binarization=binarization)
        expected = datasets.evaluation_batches(grey, COUNT, seed=3, binarization=binarization)
        np.testing.assert_array_equal(seen, next(expected.as_numpy_iterator()))
    assert datasets.as_evaluated(np.uint8([[0, 255]]), seed=0, binarization="none").tolist() == [[0, 1]]


@pytest.mark.parametrize("binarization", ["none", "static", "dynamic"])
def test_labels_stay_beside_their_examples(binarization):
    x, label = np.repeat(np.arange(20, dtype=np.uint8)[:, None] * 12, 3, axis=1), np.arange(20, dtype=np.int32)
    alone = datasets.training_batches(x, 6, seed=3, binarization=binarization, step=1).take(5)
    both = datasets.training_batches({"x": x, "label": label}, 6, seed=3, binarization=binarization, step=1).take(5)
    order = datasets.training_batches(label[:, None], 6, seed=3, binarization="none", step=1).take(5)
    for batch, one, rows in zip(both, alone, order, strict=True):
        np.testing.assert_array_equal(batch["x"], one)
        np.testing.assert_array_equal(batch["label"], rows[:, 0])
        assert batch["label"].dtype == tf.int32


def test_labels_are_evaluated_with_their_examples():
    x, label = np.arange(40, dtype=np.float32).reshape(20, 2), np.arange(20, dtype=np.int32)
    found = datasets.as_evaluated({"x": x, "label": label}, seed=0, binarization="none")
    np.testing.assert_array_equal(found["x"], x)
    np.testing.assert_array_equal(found["label"], label)
