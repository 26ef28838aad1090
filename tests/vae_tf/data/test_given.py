"""What `fit`, `evaluate` and `predict` cannot take is one sentence."""

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import tensorflow as tf

from vae_tf import InputError

NUMBERS = np.arange(40)
DATA = {
    "a dictionary": (
        lambda x: {"image": x, "label": NUMBERS},
        r"is a dictionary of 'image', 'label'; this model takes an array of shape \('N', 6\): give one value",
    ),
    "dictionaries": (
        lambda x: tf.data.Dataset.from_tensor_slices({"image": x, "label": NUMBERS}).batch(10),
        r"gives dictionaries of 'image', 'label'; .*data.map\(lambda element: element\['image'\]\)",
    ),
    "not batched": (tf.data.Dataset.from_tensor_slices, r"gives one example at a time, .*data.batch\(128\)"),
    "not batched, labels": (lambda x: tf.data.Dataset.from_tensor_slices((x, NUMBERS)), "gives one example at a time"),
    "a list": (lambda x: [x], "is a list of 1; .*: give the array itself"),
    "a tuple": (lambda x: (x,), "is a tuple of 1; .*: give the array itself"),
    "nested lists": (lambda x: x.tolist(), "is a list of 40; .*: give the array itself"),
    "one example": (lambda x: x[0], r"is one example, of shape \(6,\); .*: give x\[None\]"),
    "no examples": (lambda x: x[:0], r"has shape \(0, 6\): give at least one example"),
    "no batches": (lambda x: tf.data.Dataset.from_tensor_slices(x).batch(10).take(0), "gives no batch"),
    "batches of another shape": (
        lambda x: tf.data.Dataset.from_tensor_slices(x[:, :5]).batch(10),
        r"gives elements of shape \(None, 5\); this model takes batches of shape \('B', 6\)",
    ),
    "batches of text": (
        lambda x: tf.data.Dataset.from_tensor_slices(x.astype(str)).batch(10),
        "gives values of dtype string; this model takes batches",
    ),
    "sparse batches": (
        lambda x: tf.data.Dataset.from_tensor_slices(x).batch(10).map(tf.sparse.from_dense),
        "gives elements of the kind SparseTensorSpec; .*: choose the examples, and make them dense",
    ),
    "another shape": (lambda x: x[:, :5], r"has shape \(40, 5\); this model takes \('N', 6\)"),
    "nothing": (lambda x: None, "is None; "),
    "a path": (lambda x: "data.npy", "is 'data.npy'; .* a PyDataset or a generator"),
    "sparse": (tf.sparse.from_dense, "is a SparseTensor; .*: make it dense"),
    "scipy's sparse": (scipy.sparse.csr_matrix, "is a csr_matrix; .*: make it dense"),
    "ragged": (lambda x: tf.ragged.constant(x.tolist()), "is a RaggedTensor; .*: make it dense"),
    "complex": (lambda x: x.astype(np.complex64), "is of dtype complex64; "),
    "text": (lambda x: x.astype(str), "is of dtype <U"),
    "a table of objects": (lambda x: pd.DataFrame(x).astype(object), "is of dtype object; "),
}


@pytest.fixture(scope="module")
def vae(make_vae):
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    return vae


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
@pytest.mark.parametrize("kind", DATA)
def test_data_that_cannot_be_used_are_refused_in_one_sentence(vae, binary, kind, method):
    make, message = DATA[kind]
    with pytest.raises(InputError, match=f"^x {message}"):
        getattr(vae, method)(make(binary[:40]), verbose=0)
    assert int(vae.training_steps) == 0


@pytest.mark.parametrize("kind", sorted(set(DATA) - {"a list", "nothing"}))
def test_validation_data_are_looked_at_alike(make_vae, vae, binary, kind):
    make, message = DATA[kind]
    data = make(binary[:40])
    data = data if isinstance(data, tf.data.Dataset) else (data,)
    with pytest.raises(InputError, match=f"^validation_data {message}"):
        vae.fit(binary, validation_data=data, verbose=0)


@pytest.mark.parametrize("value", [7, np.nan])
def test_a_table_is_looked_at_as_an_array_is(make_vae, vae, binary, value):
    x = binary.copy()
    x[45, 3] = value
    for run in (
        lambda: vae.fit(pd.DataFrame(x), verbose=0),
        lambda: vae.evaluate(pd.DataFrame(x), verbose=0),
        lambda: vae.fit(binary, validation_data=(pd.DataFrame(x),), verbose=0),
    ):
        with pytest.raises(InputError, match=rf"is {float(value)} in channel 3 \(index \(45, 3\)\)"):
            run()
    histories = []
    for data in (binary, pd.DataFrame(binary)):
        one = make_vae()
        one.compile("sgd", run_eagerly=True)
        keras.utils.set_random_seed(1)
        histories.append(one.fit(data, verbose=0).history)
    assert histories[0] == histories[1]


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "bool", "float16", "float64"])
def test_numbers_of_any_dtype_train_alike(make_vae, binary, dtype):
    histories = []
    for x in (binary, binary.astype(dtype)):
        vae = make_vae()
        vae.compile("sgd", run_eagerly=True)
        histories.append(vae.fit(x, shuffle=False, verbose=0).history)
    assert histories[0] == histories[1]


@pytest.mark.parametrize("brought", ["argument", "data set", "batch"])
def test_a_weight_for_each_value_is_refused(vae, binary, brought):
    w = np.ones_like(binary)
    data = tf.data.Dataset.from_tensor_slices((binary, binary, w)).batch(10)
    run = {
        "argument": lambda: vae.fit(binary, sample_weight=w, verbose=0),
        "data set": lambda: vae.evaluate(data, verbose=0),
        "batch": lambda: vae.train_on_batch(binary, sample_weight=w),
    }[brought]
    with pytest.raises(InputError, match=r"The sample weights have shape \('N', 6\): give one weight for each example"):
        run()


def test_values_need_a_pair_for_a_seed_and_a_compiled_model(make_vae, vae, binary):
    with pytest.raises(InputError, match=r"values\(\) got seed=1: give a pair of integers, such as seed=\(1, 0\)"):
        vae.values(binary, seed=1)
    with pytest.raises(InputError, match="call compile"):
        make_vae().values(binary, seed=(1, 0))
    assert vae.values(binary, seed=(1, 0))["elbo"].shape == (50,)
