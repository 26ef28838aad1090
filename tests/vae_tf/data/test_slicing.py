"""Examples slice by slice: arrays and data sets."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, likelihoods
from vae_tf.conditions import Condition
from vae_tf.data import Schema, batches, slices

SCHEMA = Schema(likelihoods.Bernoulli((6,)), {})


def test_an_array_comes_in_slices_of_at_most_the_rows(binary):
    found = list(slices(binary.astype(np.float64), 20, SCHEMA))
    assert [each.shape[0] for each in found] == [20, 20, 10]
    assert {each.dtype for each in found} == {tf.float32}
    np.testing.assert_array_equal(tf.concat(found, 0), binary)


@pytest.mark.parametrize("with_targets", [False, True])
def test_a_data_set_comes_batch_by_batch_and_large_ones_in_slices(binary, with_targets):
    given = (binary, np.arange(50)) if with_targets else binary
    found = list(slices(tf.data.Dataset.from_tensor_slices(given).batch(30), 20, SCHEMA))
    assert [each.shape[0] for each in found] == [20, 10, 20]
    np.testing.assert_array_equal(tf.concat(found, 0), binary)


def test_there_is_no_copy_of_a_large_array(fresh_process):
    code = """
        import resource
        import numpy as np
        from vae_tf import likelihoods
        from vae_tf.data import Schema, slices
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB
        schema = Schema(likelihoods.Normal((1000,)), {})
        x = np.zeros((50_000, 1000), np.float16)  # 100 MB, of which a float32 copy has 200
        next(slices(x[:500], 500, schema))
        before = peak()
        assert sum(len(each) for each in slices(x, 500, schema)) == 50_000
        print(peak() - before)
    """
    done = fresh_process(code)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 60_000


def test_values_outside_the_support_are_refused_and_named(binary):
    binary = binary.copy()
    binary[41, 2] = 7
    with pytest.raises(InputError, match=r"^x is 7.0 in channel 2 \(index \(41, 2\)\)"):
        next(slices(binary, 20, SCHEMA))
    found = slices(tf.data.Dataset.from_tensor_slices(binary).batch(20), 20, SCHEMA)
    assert [next(found).shape[0], next(found).shape[0]] == [20, 20]
    with pytest.raises(InputError, match=r"^x of batch 3 of the data set is 7.0 in channel 2 \(index \(1, 2\)\)"):
        next(found)


def test_an_empty_data_set_is_one_empty_batch(binary):
    (batch,) = batches(tf.data.Dataset.from_tensor_slices(binary).batch(10).take(0), SCHEMA)
    assert batch.shape == (0, 6)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda data: data.unbatch(), "gives one example at a time, of shape (6,); this model takes batches"),
        (lambda data: data.map(tf.sparse.from_dense), "gives elements of the kind SparseTensorSpec; this model takes"),
        (lambda data: data.map(lambda x: x[:, :5]), "gives elements of shape (None, 5); this model takes batches"),
        (lambda data: data.map(tf.strings.as_string), "gives values of dtype string; this model takes batches"),
        (lambda data: data.repeat(), "has no end: leave .repeat() out"),
        (lambda data: data.map(lambda x: {"image": x}), "gives dictionaries of 'image'; this model takes batches"),
    ],
)
def test_what_is_no_data_set_of_batches_is_refused(binary, make, said):
    dataset = make(tf.data.Dataset.from_tensor_slices(binary).batch(10))
    with pytest.raises(InputError) as refusal:
        next(batches(dataset, SCHEMA))
    assert f"The data set {said}" in str(refusal.value)


# ----- With conditions

CONDITIONS = {"label": Condition("label", (), "int32", 50), "angle": Condition("angle", (2,), "float32")}
LABELLED = Schema(likelihoods.Bernoulli((6,)), CONDITIONS)


@pytest.fixture
def labelled(binary, rng) -> dict[str, np.ndarray]:
    return {"x": binary, "label": np.arange(50), "angle": rng.normal(size=(50, 2))}


def test_rows_stay_with_their_conditions(labelled):
    dataset = tf.data.Dataset.from_tensor_slices((labelled, np.arange(50))).batch(30)
    for data, sizes in ((labelled, [20, 20, 10]), (dataset, [20, 10, 20])):
        found = list(slices(data, 20, LABELLED))
        assert [len(each["x"]) for each in found] == sizes
        for name, dtype in (("x", tf.float32), ("label", tf.int32), ("angle", tf.float32)):
            joined = tf.concat([each[name] for each in found], 0)
            assert joined.dtype == dtype
            np.testing.assert_allclose(joined, labelled[name], rtol=1e-6)


def test_a_label_that_cannot_be_is_named_with_its_batch(labelled):
    labelled["label"][41] = 50
    with pytest.raises(InputError, match=r"^label is 50 in row 41: give whole numbers from 0 to 49"):
        next(slices(labelled, 20, LABELLED))
    found = slices(tf.data.Dataset.from_tensor_slices(labelled).batch(20), 20, LABELLED)
    assert [len(next(found)["label"]), len(next(found)["label"])] == [20, 20]
    with pytest.raises(InputError, match=r"^label of batch 3 of the data set is 50 in row 1: give whole numbers"):
        next(found)


def test_an_empty_data_set_of_dictionaries_is_one_empty_batch(labelled):
    (batch,) = batches(tf.data.Dataset.from_tensor_slices(labelled).batch(10).take(0), LABELLED)
    assert {name: values.shape for name, values in batch.items()} == {"x": (0, 6), "label": (0,), "angle": (0, 2)}
    assert batch["label"].dtype == tf.int32
