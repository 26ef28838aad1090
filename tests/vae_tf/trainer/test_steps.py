"""The trainer trains whatever gives values of examples: here a model of one mean for each label, without axes."""

import warnings
from typing import ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, likelihoods, random
from vae_tf.conditions import Condition
from vae_tf.data import Schema
from vae_tf.trainer import Trainer

LABELS, SIZE, RATE = 3, 4, 0.5
MODES = {
    "eagerly": {"run_eagerly": True},
    "graph": {"jit_compile": False},
    "fused": {"jit_compile": False, "steps_per_execution": 2},
    "fused xla": {"jit_compile": True, "steps_per_execution": 2},
}
Directions = dict[str, str | None]
CONDITIONS = {"label": Condition("label", (), "int32", LABELS)}


class Means(Trainer):
    """loss = |x - mean[label]|^2 / 2, whose gradient in a mean is the sum of mean - x over its label's examples."""

    directions: ClassVar[Directions] = {"loss": "down", "distance": "down", "noise": None, "factor": None}
    settings = ("factor",)

    def __init__(self):
        super().__init__(dtype="float32")
        self.seed, self.schema = 3, Schema(likelihoods.Normal((SIZE,)), CONDITIONS)
        self.means = self.add_weight(name="means", shape=(LABELS, SIZE), initializer="zeros")
        self.build_training()
        self.built = True

    def values(self, batch, seed, training=False):
        x, conditions = self.schema.split(batch)
        half = tf.reduce_sum((x - tf.gather(self.means, conditions["label"])) ** 2, axis=1) / 2
        noise = tf.reduce_mean(random.normal([tf.shape(x)[0], SIZE], seed), axis=1)
        return {"loss": half, "distance": tf.sqrt(2 * half), "noise": noise, "factor": tf.constant(1.5 + training)}

    def call(self, batch):
        return tf.gather(self.means, batch["label"])


class WeighedMeans(Means):
    """As `Means`, and told the weights of the examples."""

    directions: ClassVar[Directions] = {**Means.directions, "weight": None}

    def values(self, batch, seed, training=False, weights=None):
        ones = tf.ones(tf.shape(batch["x"])[:1])
        return {**super().values(batch, seed, training), "weight": ones if weights is None else weights}


@pytest.fixture
def data(rng):
    return {"x": rng.normal(size=(12, SIZE)).astype(np.float32), "label": rng.integers(0, LABELS, 12)}


def compiled(mode: str = "eagerly", kind: type[Means] = Means) -> Means:
    model = kind()
    model.compile(keras.optimizers.SGD(RATE), **MODES[mode])
    return model


def by_hand(data, weights=None, size: int = 4) -> np.ndarray:
    """The means after an epoch of steps on `size` examples each."""
    means = np.zeros((LABELS, SIZE))
    weights = np.ones(len(data["x"])) if weights is None else weights
    for first in range(0, len(data["x"]), size):
        rows = slice(first, first + size)
        x, label, w = data["x"][rows], data["label"][rows], weights[rows]
        gradient = np.zeros((LABELS, SIZE))
        np.add.at(gradient, label, w[:, None] * (means[label] - x) / len(x))
        means = means - RATE * gradient
    return means


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_it_learns_as_by_hand(data, rng, mode, weighted):
    weights, kind = (rng.random(12).astype(np.float32), WeighedMeans) if weighted else (None, Means)
    model = compiled(mode, kind)
    logs = model.fit(data, batch_size=4, sample_weight=weights, shuffle=False, verbose=0).history
    np.testing.assert_allclose(model.means, by_hand(data, weights), rtol=1e-4, atol=1e-6)
    assert set(logs) == set(kind.directions)
    assert logs["factor"] == [2.5]
    assert int(model.training_steps) == int(model.optimizer.iterations) == 3


def test_it_evaluates_predicts_and_logs(data):
    model = compiled("graph")
    history = model.fit(data, batch_size=4, validation_data=(data,), verbose=0).history
    assert {"val_distance", "distance"} <= set(history)
    distance = np.linalg.norm(data["x"] - model.means.numpy()[data["label"]], axis=1)
    found = model.evaluate(data, verbose=0)  # what is measured, in the order of the logs
    assert len(found) == 3
    np.testing.assert_allclose(found[:2], [np.mean(distance**2) / 2, np.mean(distance)], rtol=1e-5)
    np.testing.assert_allclose(history["val_distance"], [found[1]], rtol=1e-5)
    assert model.evaluate(data, verbose=0, return_dict=True)["factor"] == 1.5
    np.testing.assert_array_equal(model.predict(data, verbose=0), model.means.numpy()[data["label"]])


def test_its_noise_is_that_of_the_seed_the_purpose_and_the_step(data):
    model = compiled()
    logs = model.fit(data, batch_size=12, epochs=2, shuffle=False, verbose=0).history
    evaluated = [model.evaluate(data, verbose=0, return_dict=True)["noise"] for _ in range(2)]
    noise = lambda purpose, step: np.mean(random.normal([12, SIZE], random.pair(3, purpose, step)))  # noqa: E731
    np.testing.assert_allclose(logs["noise"], [noise(random.Purpose.TRAINING, step) for step in (0, 1)], rtol=1e-4)
    np.testing.assert_allclose(evaluated, [noise(random.Purpose.EVALUATION, 0)] * 2, rtol=1e-4)


def test_values_that_take_the_weights_are_given_them(data, rng):
    weights = rng.random(12).astype(np.float32)
    model = compiled("graph", WeighedMeans)
    logs = model.fit(data, batch_size=12, sample_weight=weights, verbose=0).history
    np.testing.assert_allclose(logs["weight"], [np.average(weights, weights=weights)], rtol=1e-5)
    assert model.evaluate(data, verbose=0, return_dict=True)["weight"] == 1


def test_its_data_are_looked_at(data):
    model = compiled("graph")
    before = model.means.numpy()
    for spoilt, sentence in (
        ({"label": data["label"] + 1}, f"^label is {LABELS} in row .*: give whole numbers from 0 to 2"),
        ({"x": data["x"][:, :3]}, r"^x has shape \(12, 3\); this model takes \('N', 4\)"),
        ({"x": data["x"] * np.nan}, "^x is nan in channel 0"),
    ):
        for run in (model.fit, model.evaluate):
            with pytest.raises(InputError, match=sentence):
                run({**data, **spoilt}, verbose=0)
    np.testing.assert_array_equal(model.means, before)


@pytest.mark.parametrize("mode", ["eagerly", "fused"])
def test_what_is_no_longer_finite_is_said(data, mode):
    model = compiled(mode)
    model.means.assign(tf.fill([LABELS, SIZE], 1e30))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(data, verbose=0)
    (sentence,) = [str(warning.message) for warning in caught if "finite" in str(warning.message)]
    assert sentence.startswith("In epoch 1, the loss is no longer finite: nothing is learned from there on; scale the")


def test_a_loss_of_keras_is_refused():
    with pytest.raises(InputError, match=r"compile\(\) was given loss, but .* logs loss, distance, noise, factor"):
        Means().compile("sgd", loss="mse")
