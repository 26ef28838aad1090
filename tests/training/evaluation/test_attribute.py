import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.training import attribute_direction
from vae_tf.training.datasets import label_names


def test_it_points_from_the_other_examples_to_those_with_the_label():
    codes = np.float32([[0, 0], [2, 0], [5, 5], [7, 9]])
    direction = attribute_direction(codes, np.array([1, 1, 7, 7]), 7)
    np.testing.assert_allclose(direction, [5, 7])
    assert direction.dtype == np.float32
    np.testing.assert_allclose(attribute_direction(codes, np.array(["a", "b", "b", "b"]), "a"), [-14 / 3, -14 / 3])


def test_a_label_that_none_or_all_have_is_refused():
    codes = np.zeros((3, 2), np.float32)
    with pytest.raises(InputError, match="No example has the label 4: give one of 1, 2"):
        attribute_direction(codes, np.array([1, 2, 2]), 4)
    with pytest.raises(InputError, match="All 3 examples have the label 1"):
        attribute_direction(codes, np.array([1, 1, 1]), 1)


def test_labels_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"shape \(2,\) for 3 codes: give one for each"):
        attribute_direction(np.zeros((3, 2)), np.array([1, 2]), 1)


def test_labels_are_called_by_the_names_of_their_classes():
    np.testing.assert_array_equal(label_names([1, 0, 1], ("cat", "dog")), ["dog", "cat", "dog"])
    np.testing.assert_array_equal(label_names(np.array([7, 10]), None), ["7", "10"])
