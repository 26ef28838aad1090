import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.training import datasets

# The checks that every source passes, seen through .npz files.


@pytest.fixture
def load(save_npz):
    return lambda **arrays: datasets.load(str(save_npz(**arrays)))


def test_images_keep_their_values_and_uint8_and_get_a_channel(load, rng):
    x_train, x_test = (rng.integers(0, 256, (n, 4, 3), dtype=np.uint8) for n in (20, 5))
    data = load(x_train=x_train, x_test=x_test)
    assert data.x_train.dtype == data.x_test.dtype == np.uint8
    np.testing.assert_array_equal(data.x_train, x_train[..., None])
    np.testing.assert_array_equal(data.x_test, x_test[..., None])
    assert data.y_train is None
    assert data.y_test is None
    assert data.name.endswith("data.npz")


@pytest.mark.parametrize("shape", [(4, 3, 1), (4, 3, 3), (7,), (2, 3, 4, 5), (4, 3), (128, 3)])
def test_other_shapes_stay_as_they_are(load, rng, shape):
    x = rng.normal(size=(12, *shape))
    data = load(x_train=x, x_test=x[:2])
    np.testing.assert_array_equal(data.x_train, x.astype(np.float32))
    assert data.x_test.shape == (2, *shape)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_values_become_float32(load, rng, dtype):
    x = rng.normal(size=(12, 7)).astype(dtype)
    data = load(x_train=x, x_test=x)
    assert data.x_train.dtype == data.x_test.dtype == np.float32
    np.testing.assert_array_equal(data.x_train, x.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
def test_whole_numbers_become_the_same_in_float32(load, rng, dtype):
    x = rng.integers(0, min(np.iinfo(dtype).max, 2**24), (12, 7), endpoint=True).astype(dtype)
    data = load(x_train=x, x_test=x)
    assert data.x_train.dtype == np.float32
    np.testing.assert_array_equal(data.x_train.astype(np.int64), x.astype(np.int64))


@pytest.mark.parametrize("value", [2**24 + 1, -(2**24) - 1])
def test_whole_numbers_that_float32_cannot_hold_are_refused(load, value):
    with pytest.raises(InputError, match=r"x_train ranges from .* beyond 16777216 are not exact in float32: scale"):
        load(x_train=np.array([[0, value]] * 20))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_two_equal_axes_are_those_of_grey_images_and_others_stay_a_series(load, dtype):
    assert load(x_train=np.zeros((20, 28, 28), dtype)).x_train.shape == (18, 28, 28, 1)
    assert load(x_train=np.zeros((20, 128, 3), dtype)).x_train.shape == (18, 128, 3)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 28, 28)])
def test_channels_that_come_first_are_warned_of(load, shape):
    with pytest.warns(UserWarning, match=r"data\.npz: examples of shape .* of \d+ channels; if .*moveaxis"):
        assert load(x_train=np.zeros((20, *shape), np.uint8)).x_train.shape == (18, *shape)


def test_bits_become_black_and_white(load, rng):
    bits = rng.integers(0, 2, (12, 4, 3)).astype(bool)
    data = load(x_train=bits, x_test=bits)
    assert data.x_train.dtype == np.uint8
    np.testing.assert_array_equal(data.x_train[..., 0], np.where(bits, 255, 0))


def test_labels_stay_with_their_examples(load):
    data = load(x_train=np.eye(6), y_train=np.arange(6), x_test=np.eye(6)[:2], y_test=np.array([8, 9]))
    np.testing.assert_array_equal(data.y_train, np.arange(6))
    np.testing.assert_array_equal(data.y_test, [8, 9])


def test_a_column_of_labels_becomes_a_row(load):
    data = load(x_train=np.eye(6), y_train=np.arange(6)[:, None], x_test=np.eye(6))
    np.testing.assert_array_equal(data.y_train, np.arange(6))
    assert data.y_test is None


# ----- the test tenth


@pytest.mark.parametrize("sorted_by_class", [True, False])
def test_without_a_test_set_a_balanced_tenth_becomes_it(load, rng, sorted_by_class):
    labels = np.repeat([0, 1, 2], [20, 30, 50])
    if not sorted_by_class:
        rng.shuffle(labels)
    x = np.stack([np.arange(100), labels], axis=1).astype(np.float32)  # each example says who it is
    data = load(x_train=x, y_train=labels)
    assert np.bincount(data.y_test).tolist() == [2, 3, 5]
    assert np.bincount(data.y_train).tolist() == [18, 27, 45]
    np.testing.assert_array_equal(data.x_test[:, 1], data.y_test)
    np.testing.assert_array_equal(data.x_train[:, 1], data.y_train)
    assert sorted([*data.x_train[:, 0], *data.x_test[:, 0]]) == list(range(100))


def test_without_labels_a_tenth_is_a_tenth_and_always_the_same(load):
    x = np.arange(200, dtype=np.float32).reshape(100, 2)
    data, again = load(x_train=x), load(x_train=x)
    assert data.x_test.shape == (10, 2)
    np.testing.assert_array_equal(data.x_test, again.x_test)
    assert not np.array_equal(data.x_test, x[:10])  # files are often sorted
    assert not np.array_equal(data.x_test, x[-10:])


def test_labels_of_a_test_set_that_is_not_there_are_left_out(load):
    data = load(x_train=np.zeros((30, 2)), y_test=np.arange(7))
    assert len(data.x_test) == 3
    assert data.y_test is None


@pytest.mark.parametrize("labels", [{}, {"y_train": np.arange(4)}])
def test_too_few_examples_for_a_test_set_are_refused(load, labels):
    with pytest.raises(InputError, match=r"data\.npz: .*x_test"):
        load(x_train=np.zeros((4, 2)), **labels)


# ----- what is refused


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_not_finite_is_named_with_its_index(load, rng, bad, dtype):
    x = rng.normal(size=(12, 4, 4)).astype(dtype)
    x[7, 2, 1] = bad
    with pytest.raises(InputError, match=rf"data\.npz: x_train is {bad} at index \(7, 2, 1, 0\): remove or replace"):
        load(x_train=x)
    with pytest.raises(InputError, match=rf"x_test is {bad} at index \(7, 2, 1, 0\)"):
        load(x_train=np.zeros((3, 4, 4)), x_test=x)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_what_is_not_finite_in_float32_is_refused_too(load):
    x = np.zeros((12, 3))
    x[7, 2] = 1e300
    with pytest.raises(InputError, match=r"x_train is (1e\+300|inf) at index \(7, 2\)"):
        load(x_train=x)


@pytest.mark.parametrize("x", [np.ones((5, 3), complex), np.full((5, 3), "a"), np.zeros((5, 3), "datetime64[s]")])
def test_other_dtypes_are_refused_by_name(load, x):
    with pytest.raises(InputError) as error:
        load(x_train=x)
    assert f"data.npz: x_train has dtype {x.dtype}: give uint8 images, whole numbers or floating" in str(error.value)


@pytest.mark.parametrize("shape", [(), (5,), (0, 3), (5, 0), (5, 3, 0)])
def test_what_holds_no_examples_is_refused_with_its_shape(load, shape):
    with pytest.raises(InputError) as error:
        load(x_train=np.zeros(shape, np.float32))
    assert f"x_train has shape {shape}: give at least one example" in str(error.value)


def test_train_and_test_of_two_shapes_are_refused_with_both(load):
    with pytest.raises(InputError, match=r"example of x_train has shape \(4, 3, 1\), one of x_test \(3, 4, 1\)"):
        load(x_train=np.zeros((20, 4, 3), np.uint8), x_test=np.zeros((5, 3, 4), np.uint8))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"y_train": np.zeros(19)}, r"y_train has shape \(19,\) for 20 examples: give one label for each"),
        ({"y_train": np.zeros((20, 3))}, r"y_train has shape \(20, 3\) for 20 examples"),
        ({"y_train": np.array(3)}, r"y_train has shape \(\) for 20 examples"),
        ({"y_test": np.zeros(20)}, r"y_test has shape \(20,\) for 5 examples"),
    ],
)
def test_labels_of_another_length_are_refused(load, labels, message):
    with pytest.raises(InputError, match=message):
        load(x_train=np.zeros((20, 3)), x_test=np.zeros((5, 3)), **labels)
