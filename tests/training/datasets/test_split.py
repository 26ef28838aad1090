import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from vae_tf import InputError
from vae_tf.training import datasets


def data(count: int, labels=None) -> datasets.StoredData:
    """Examples that say who they are: x = index."""
    x = np.arange(count, dtype=np.float32)[:, None]
    return datasets.StoredData("data", x, labels, -x - 1, labels)


@hypothesis.given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=120),
    labelled=st.booleans(),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_split_is_a_sorted_balanced_partition_that_the_seed_decides(labels, labelled, share, seed):
    y = np.array(labels) if labelled else None
    source = data(len(labels), y)
    try:
        splits = datasets.validation_split(source, share, seed)
    except InputError:  # a part is empty, which is refused: each class, or the whole, is too small for the share
        sizes = np.bincount(labels) if labelled else [len(labels)]
        assert sum(round(share * n) for n in sizes) in (0, len(labels))
        return
    train, validation = splits.x_train[:, 0], splits.x_validation[:, 0]
    assert len(train) > 0 < len(validation)
    np.testing.assert_array_equal(np.sort([*train, *validation]), np.arange(len(labels)))  # a partition
    assert (np.diff(train) > 0).all()  # in the data's order
    assert (np.diff(validation) > 0).all()
    if labelled:
        np.testing.assert_array_equal(splits.y_train, y[train.astype(int)])
        np.testing.assert_array_equal(splits.y_validation, y[validation.astype(int)])
        for number in set(labels):  # balanced within rounding
            assert abs((splits.y_validation == number).sum() - share * (y == number).sum()) <= 0.5 + 1e-9
    else:
        assert splits.y_train is None
        assert splits.y_validation is None
        assert abs(len(validation) - share * len(labels)) <= 0.5 + 1e-9
    again = datasets.validation_split(source, share, seed)
    np.testing.assert_array_equal(again.x_validation, splits.x_validation)
    np.testing.assert_array_equal(splits.x_test, source.x_test)  # the test set is left alone
    assert splits.y_test is source.y_test


@pytest.mark.parametrize("labels", [None, np.repeat(np.arange(4), 50)])
def test_another_seed_makes_another_split_of_the_same_sizes(labels):
    one, other = (datasets.validation_split(data(200, labels), 0.1, seed) for seed in (0, 1))
    assert len(one.x_validation) == len(other.x_validation) == 20
    assert len(np.intersect1d(one.x_validation, other.x_validation)) < 10  # 2 are expected
    assert not np.array_equal(one.x_validation[:, 0], np.arange(20))


def test_every_example_validates_with_the_same_chance():
    counts = sum(
        np.isin(np.arange(20), datasets.validation_split(data(20), 0.25, seed).x_validation) for seed in range(400)
    )
    # Binomial(400, 1/4): mean 100, sd 8.7; 20 of them stay within 4.5 sd.
    assert (abs(counts - 100) < 39).all()


@pytest.mark.parametrize("labels", [np.array(["b", "a", "b", "a"] * 5), np.array([0.5, -1.5] * 10)])
def test_labels_of_any_type_are_balanced(labels):
    splits = datasets.validation_split(data(20, labels), 0.2, 3)
    assert [int((splits.y_validation == label).sum()) for label in np.unique(labels)] == [2, 2]


def test_the_test_set_validates_where_it_is_asked_for():
    source = data(10, np.arange(10))
    splits = datasets.validation_split(source, "test", 0)
    assert splits.x_train is source.x_train
    assert splits.y_train is source.y_train
    assert splits.x_validation is source.x_test
    assert splits.y_validation is source.y_test


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_a_share_outside_0_and_1_is_refused(share):
    with pytest.raises(
        InputError, match=rf'validation is {share}: give a share between 0 and 1, such as 0.1, or "test"'
    ):
        datasets.validation_split(data(10), share, 0)


def test_a_share_that_leaves_a_part_empty_is_refused_with_the_counts():
    with pytest.raises(InputError, match=r"validation=0\.1 of 4 training examples leaves 4 to train on and 0 to"):
        datasets.validation_split(data(4), 0.1, 0)
    with pytest.raises(InputError, match="leaves 0 to train on and 4 to validate on"):
        datasets.validation_split(data(4), 0.95, 0)


@pytest.mark.parametrize("validation", [0.2, "test"])
def test_the_factors_of_the_test_set_are_handed_on(validation):
    factors = {"scale": np.arange(10)}
    source = data(10)._replace(factors_test=factors)
    assert datasets.validation_split(source, validation, 0).factors_test is factors
    assert datasets.validation_split(data(10), validation, 0).factors_test is None


@pytest.mark.parametrize(("count", "total"), [(32, 1000), (9, 10), (5, 5), (8, 3), (1, 7), (1, 1)])
def test_positions_are_spread_over_all_examples(count, total):
    found = datasets.spread_evenly(count, total)
    assert len(found) == len(set(found)) == min(count, total)
    assert found == sorted(found)
    assert found[0] == 0
    assert len(found) == 1 or found[-1] == total - 1
    steps = np.diff(found)
    assert len(found) == 1 or steps.max() - steps.min() <= 1


def test_counts_are_said_in_words():
    x = np.zeros((1_250, 8, 8, 3), np.uint8)
    labels = np.arange(1_250) % 4
    source = datasets.StoredData("data", x, labels, x[:30], labels[:30], class_names=("a", "b", "c", "d"), skipped=19)
    assert (
        datasets.validation_split(source, 0.2, 0).counts()
        == "1,280 images, 8 x 8 x 3, 4 classes, 19 skipped; 1,000 / 250 / 30 to train, validate and test"
    )
    assert (
        datasets.validation_split(source, "test", 0)
        .counts()
        .endswith("; 1,250 / 30 to train and test, which validates too")
    )
    assert (
        datasets.validation_split(data(20), 0.2, 0).counts()
        == "40 examples, 1; 16 / 4 / 20 to train, validate and test"
    )
