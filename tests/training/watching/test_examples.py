import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.training.watching.examples import arrays


def test_examples_become_arrays_alone_or_with_their_conditions():
    assert arrays([[1, 2]], "watch()").shape == (1, 2)
    found = arrays({"x": [[1, 2], [3, 4]], "label": (0, 1)}, "watch()")
    assert {name: values.shape for name, values in found.items()} == {"x": (2, 2), "label": (2,)}


def test_a_dictionary_without_x_is_refused():
    with pytest.raises(InputError, match=r"^watch\(\) got a dictionary of 'images', 'label': give the examples as 'x'"):
        arrays({"images": np.zeros((2, 3)), "label": [0, 1]}, "watch()")
    with pytest.raises(InputError, match="got a dictionary of nothing"):
        arrays({}, "watch()")


@pytest.mark.parametrize("label", [[0, 1, 2], 7])
def test_conditions_of_another_length_are_refused(label):
    with pytest.raises(InputError, match=r"got 2 of 'x', \d of 'label': give a value of each condition for each"):
        arrays({"x": np.zeros((2, 3)), "label": label}, "watch()")
