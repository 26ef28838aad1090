"""Bad values stay in their own rows."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import bad_rows


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 2)])
@pytest.mark.parametrize(("dtype", "instead"), [("float32", np.nan), ("int32", 0)])
def test_the_rows_that_are_not_good_hold_another_value(shape, dtype, instead):
    values = np.arange(1, 1 + np.prod(shape)).reshape(shape).astype(dtype)
    found = bad_rows.replaced(tf.constant([True, False, True]), tf.constant(values), instead).numpy()
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[[0, 2]], values[[0, 2]])
    np.testing.assert_array_equal(found[1], np.full(shape[1:], instead, dtype))
