"""Data that are dictionaries of x and of conditions train as the same numbers do, whatever brings them."""

import functools

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from vae_tf import VAE, InputError, networks, priors

COUNT, BATCH = 24, 8  # three steps
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
RNG = np.random.default_rng(5)
DATA = {
    "x": RNG.integers(0, 2, (COUNT, 6)).astype(np.float32),
    "label": np.arange(COUNT, dtype=np.int32) % 3,
    "angle": RNG.normal(size=(COUNT, 2)).astype(np.float32),
}
WEIGHTS = RNG.random(COUNT).astype(np.float32)
FEW = {name: values[:16] for name, values in DATA.items()}


def variables(vae: VAE) -> list[np.ndarray]:
    """Weights, counters, sums of the logs, and what the optimizer keeps."""
    return [variable.numpy() for variable in (*vae.variables, *vae.optimizer.variables)]


@functools.cache
def made(several: int, jit_compile: bool) -> tuple[VAE, list[np.ndarray]]:
    keras.utils.set_random_seed(1)
    conditions = {"label": networks.Label(3), "angle": networks.Vector(2, encoder=False)}
    vae = VAE(*networks.mlp((6,), 2, hidden=(5,), conditions=conditions), prior=priors.ConditionalNormal(2))
    vae.compile(keras.optimizers.Adam(0.03), steps_per_execution=several, jit_compile=jit_compile)
    vae.optimizer.build(vae.trainable_variables)
    return vae, variables(vae)


def started(several: int = 1, jit_compile: bool = False) -> VAE:
    """A model as it started; each is made and traced once, for tracing is what takes the time."""
    vae, values = made(several, jit_compile)
    for variable, value in zip((*vae.variables, *vae.optimizer.variables), values, strict=True):
        variable.assign(value)
    return vae


def trained(*data, several: int = 1, jit_compile: bool = False, **options) -> tuple[list[np.ndarray], dict]:
    """The variables and the history of such a model after an epoch; the same seeds whenever it is called."""
    vae = started(several, jit_compile)
    keras.utils.set_random_seed(9)
    history = vae.fit(*data, verbose=0, **{"shuffle": False, **options}).history
    return variables(vae), history


def assert_same(found: tuple[list[np.ndarray], dict], expected: tuple[list[np.ndarray], dict], **tolerance) -> None:
    assert list(found[1]) == list(expected[1])
    same = functools.partial(np.testing.assert_allclose, **tolerance) if tolerance else np.testing.assert_array_equal
    for one, other in zip((*found[0], *found[1].values()), (*expected[0], *expected[1].values()), strict=True):
        same(one, other)


def dataset(*parts) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices(parts if len(parts) > 1 else parts[0]).batch(BATCH)


def slices(*parts):
    """Tuples of the parts, batch by batch; None stays None."""
    for first in range(0, COUNT, BATCH):
        rows = slice(first, first + BATCH)
        yield tuple(tf.nest.map_structure(lambda values: None if values is None else values[rows], parts))  # noqa: B023


class Batches(keras.utils.PyDataset):
    def __init__(self, *parts):
        super().__init__()
        self.batches = list(slices(*parts))

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, number):
        return self.batches[number]


BROUGHT = {
    "in another order": lambda: {name: DATA[name] for name in ("angle", "x", "label")},
    "tensors": lambda: {name: tf.constant(values) for name, values in DATA.items()},
    "wide numbers": lambda: {"x": DATA["x"] > 0, "label": DATA["label"].astype(float), "angle": DATA["angle"] * 1.0},
    "columns of tables": lambda: {
        "x": pd.DataFrame(DATA["x"]), "label": pd.Series(DATA["label"]), "angle": pd.DataFrame(DATA["angle"]),
    },
    "a data set": lambda: dataset(DATA),
    "a data set with targets": lambda: dataset(DATA, DATA["label"]),
    "a data set of tuples": lambda: tf.data.Dataset.from_tensor_slices((DATA,)).batch(BATCH),
    "a PyDataset": lambda: Batches(DATA),
}  # fmt: skip


@pytest.mark.parametrize("kind", BROUGHT)
def test_the_same_numbers_train_alike_whatever_brings_them(kind):
    expected = trained(DATA, batch_size=BATCH)
    assert set(expected[1]) == {"loss", "elbo", "rate", "distortion", "beta"}
    data = BROUGHT[kind]()
    options = {"batch_size": BATCH} if isinstance(data, dict) else {}
    assert_same(trained(data, **options), expected)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_generator_of_tuples_trains_as_arrays_do():
    assert_same(trained(slices(DATA)), trained(DATA, batch_size=BATCH))
    assert_same(trained(slices(DATA, None, WEIGHTS)), trained(DATA, batch_size=BATCH, sample_weight=WEIGHTS))


# ----- Weights


def test_weights_of_examples_count_whatever_brings_them():
    expected = trained(DATA, batch_size=BATCH, sample_weight=WEIGHTS)
    plain = trained(DATA, batch_size=BATCH)
    assert abs(expected[1]["loss"][0] - plain[1]["loss"][0]) > 0.1
    for data, options in (
        ((DATA, DATA), {"batch_size": BATCH, "sample_weight": WEIGHTS}),  # targets as a dictionary too
        ((dataset(DATA, None, WEIGHTS),), {}),
        ((dataset(DATA, DATA, WEIGHTS),), {}),
        ((Batches(DATA, DATA["label"], WEIGHTS),), {}),
    ):
        assert_same(trained(*data, **options), expected)


def test_a_weight_of_0_leaves_an_example_out_of_the_logs():
    vae, weights = started(), np.float32(np.arange(COUNT) < 16)
    weighted = vae.evaluate(DATA, batch_size=COUNT, sample_weight=weights, verbose=0, return_dict=True)
    seen = np.flatnonzero(weights)
    values = vae.values(DATA, tf.constant([0, 2 * 2**56], tf.int64))  # the noise of evaluation's first step
    for name in ("elbo", "rate", "distortion"):
        np.testing.assert_allclose(weighted[name], np.mean(values[name].numpy()[seen]), rtol=1e-5)


def test_weights_that_are_a_dictionary_are_refused():
    for run in (started().fit, started().evaluate):
        with pytest.raises(InputError, match=r"The sample weights are a dict of 1: give one array of shape \('N',\)"):
            run(DATA, sample_weight={"x": WEIGHTS}, verbose=0)


@pytest.mark.parametrize("several", [1, 2])
def test_weights_of_a_data_set_that_are_a_dictionary_are_refused(several):
    with pytest.raises(InputError, match=r"The sample weights are a dict of 1: give one array of shape \('N',\)"):
        trained(dataset(DATA, None, {"x": WEIGHTS}), several=several)


def test_weights_of_classes_weigh_the_examples_of_each():
    of_class = {0: 0.2, 1: 3.0, 2: 1.0}
    expected = trained(DATA, batch_size=BATCH, sample_weight=np.float32([of_class[one] for one in DATA["label"]]))
    assert_same(trained(DATA, DATA["label"], batch_size=BATCH, class_weight=of_class), expected)
    assert_same(trained(dataset(DATA, DATA["label"]), class_weight=of_class, several=2), expected)


@pytest.mark.parametrize("data", [DATA, dataset(DATA), dataset(DATA, None)], ids=["arrays", "data set", "no targets"])
def test_weights_of_classes_without_the_classes_are_refused(data):
    with pytest.raises(InputError, match="class_weight was given without the classes that it weighs: give them as y"):
        trained(data, class_weight={0: 0.2, 1: 3.0, 2: 1.0})


# ----- Several steps of an execution


def test_without_xla_several_steps_are_the_same_bits_as_single_ones():
    options = {"epochs": 2, "validation_data": (FEW, None, WEIGHTS[:16])}
    arrays = {"batch_size": BATCH, "sample_weight": WEIGHTS, "shuffle": True}
    assert_same(trained(DATA, several=2, **arrays, **options), trained(DATA, **arrays, **options))
    alone = trained(DATA, batch_size=BATCH, sample_weight=WEIGHTS)
    assert_same(trained(dataset(DATA, None, WEIGHTS), several=2), alone)
    assert_same(trained(Batches(DATA, DATA["label"], WEIGHTS), several=2), alone)


@pytest.mark.parametrize("several", [1, 2])
def test_a_label_that_cannot_be_is_named_with_its_batch_before_it_is_learned_from(several):
    bad = {**DATA, "label": np.where(np.arange(COUNT) == 19, 3, DATA["label"]).astype(np.int32)}
    vae = started(several)
    for purpose, run in (("training", vae.fit), ("evaluation", vae.evaluate)):
        sentence = rf"^label of {purpose} batch 3 is 3 in row 3: give whole numbers from 0 to 2"
        with pytest.raises(InputError, match=sentence):
            run(dataset(bad), verbose=0, **({"shuffle": False} if purpose == "training" else {}))
    assert int(vae.training_steps) == 2
    assert all(np.isfinite(weight).all() for weight in vae.get_weights())


def test_compiled_by_xla_several_steps_are_the_same_as_single_ones():
    options = {"batch_size": BATCH, "sample_weight": WEIGHTS, "jit_compile": True}
    one = trained(DATA, **options)
    assert_same(trained(DATA, several=2, **options), one, **CLOSE)
    assert_same(trained(dataset(DATA, None, WEIGHTS), several=2, jit_compile=True), one, **CLOSE)


# ----- Validation, evaluation and prediction

VALIDATION = {
    "arrays": lambda: (FEW,),
    "a dictionary alone": lambda: FEW,
    "with targets": lambda: (FEW, FEW["label"]),
    "a data set": lambda: dataset(FEW),
    "weights of 1": lambda: (FEW, None, np.ones(16, np.float32)),
}


@pytest.mark.parametrize("kind", VALIDATION)
def test_validation_data_are_evaluated_as_by_themselves(kind):
    _, history = trained(DATA, validation_data=VALIDATION[kind](), batch_size=BATCH)
    alone = made(1, False)[0].evaluate(FEW, batch_size=BATCH, verbose=0, return_dict=True)
    for name, value in alone.items():
        np.testing.assert_allclose(history[f"val_{name}"], [value], rtol=1e-6)


def test_a_part_of_the_data_validates():
    _, history = trained(DATA, validation_split=1 / 3, batch_size=BATCH)
    expected, logs = trained(FEW, validation_data=({name: values[16:] for name, values in DATA.items()},), batch_size=8)
    assert {name: len(values) for name, values in history.items()} == {name: 1 for name in logs}
    for name, values in logs.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    assert_same((variables(made(1, False)[0]), {}), (expected, {}))


@pytest.mark.parametrize("several", [1, 2])
def test_what_is_evaluated_is_the_mean_of_the_values(several):
    vae = started(several)
    weighted = {"sample_weight": WEIGHTS, "batch_size": BATCH}
    for data, options in ((dataset(DATA), {}), (Batches(DATA), {}), (DATA, {"batch_size": BATCH})):
        found = vae.evaluate(data, verbose=0, return_dict=True, **options)
        assert vae.evaluate(data, verbose=0, return_dict=True, **options) == found  # it repeats exactly
        np.testing.assert_allclose(found["rate"], np.mean(vae.rates(DATA).numpy().sum(axis=1)), rtol=1e-5)
        np.testing.assert_allclose(found["elbo"], -(found["rate"] + found["distortion"]), rtol=1e-5)
    rate = np.average(vae.rates(DATA).numpy().sum(axis=1), weights=WEIGHTS)
    for data, options in ((DATA, weighted), (dataset(DATA, None, WEIGHTS), {})):
        found = vae.evaluate(data, verbose=0, return_dict=True, **options)
        np.testing.assert_allclose(found["rate"], rate, rtol=1e-5)


@pytest.mark.parametrize("several", [1, 2])
def test_predictions_are_the_means_of_each_row(several):
    vae = started(several)
    expected = vae.reconstruct(DATA["x"], label=DATA["label"], angle=DATA["angle"])
    for data in (DATA, dataset(DATA), Batches(DATA)):
        found = vae.predict(data, batch_size=BATCH if data is DATA else None, verbose=0)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    other = vae.predict({**DATA, "label": (DATA["label"] + 1) % 3}, verbose=0)
    assert np.abs(other - expected).max(axis=1).min() > 1e-3


def test_a_batch_alone_is_one_step():
    vae = started()
    first = {name: values[:BATCH] for name, values in DATA.items()}
    logs = vae.train_on_batch(first, sample_weight=WEIGHTS[:BATCH], return_dict=True)
    found = variables(vae)
    expected, history = trained(first, batch_size=BATCH, sample_weight=WEIGHTS[:BATCH])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(logs["loss"], history["loss"][0], rtol=1e-5)
    values = vae.test_on_batch(first, return_dict=True)
    np.testing.assert_allclose(values["rate"], np.mean(vae.rates(first).numpy().sum(axis=1)), rtol=1e-5)
    np.testing.assert_allclose(vae.predict_on_batch(first), vae.reconstruct(first), rtol=1e-5, atol=1e-6)
