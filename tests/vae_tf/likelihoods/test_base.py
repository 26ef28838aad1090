import contextlib
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError
from vae_tf.likelihoods import (
    Bernoulli,
    Categorical,
    ContinuousBernoulli,
    DiscretizedLogisticMixture,
    Laplace,
    NegativeBinomial,
    Normal,
)


@pytest.mark.parametrize(
    ("event_shape", "features", "layer", "kernel"),
    [
        ((6, 5, 2), (6, 5, 3), keras.layers.Conv2DTranspose, (3, 3, 2, 3)),
        ((6, 5, 2), (7,), keras.layers.Dense, (7, 60)),
        ((6, 2), (6, 3), keras.layers.Dense, (3, 2)),
        ((4,), (3,), keras.layers.Dense, (3, 4)),
        ((3, 4, 5, 2), (3, 4, 5, 6), keras.layers.Dense, (6, 2)),
    ],
    ids=["image", "flat to image", "sequence", "vector", "volume"],
)
def test_the_projection_follows_the_rule(event_shape, features, layer, kernel, rng):
    likelihood = Bernoulli(event_shape)
    likelihood.build((None, *features))
    assert type(likelihood.linear) is layer
    assert tuple(likelihood.linear.kernel.shape) == kernel
    logits = likelihood.parameters(tf.constant(rng.normal(size=(3, *features)), tf.float32))["logits"]
    assert logits.shape == (3, *event_shape)


@pytest.mark.parametrize(
    ("event_shape", "features", "projection"),
    [
        ((6, 5, 2), (6, 5, 3), "auto"),
        ((6, 5, 2), (7,), "auto"),
        ((6, 2), (6, 3), "auto"),
        ((6, 5, 2), (6, 5, 2), None),
    ],
)
def test_features_in_half_precision_give_parameters_in_float32(event_shape, features, projection, set_policy, rng):
    set_policy("mixed_float16")
    likelihood = Bernoulli(event_shape, projection=projection)
    likelihood.build((None, *features))
    values = tf.constant(rng.normal(size=(3, *features)), tf.float16)
    logits = likelihood.parameters(values)["logits"]
    assert logits.dtype == tf.float32
    np.testing.assert_array_equal(logits, likelihood.parameters(tf.cast(values, tf.float32))["logits"])
    assert likelihood.linear is None or likelihood.linear.compute_dtype == "float32"


def test_a_convolution_of_the_features_keeps_its_place(rng):
    likelihood = Bernoulli((6, 5, 1))
    likelihood.build((None, 6, 5, 3))
    features = rng.normal(size=(1, 6, 5, 3)).astype(np.float32)
    changed = features.copy()
    changed[0, 2, 3] += 1
    difference = likelihood.parameters(changed)["logits"] - likelihood.parameters(features)["logits"]
    reached = np.argwhere(difference.numpy()[0, :, :, 0])
    assert reached.min(axis=0).tolist() == [1, 2]
    assert reached.max(axis=0).tolist() == [3, 4]


def test_without_a_projection_features_are_parameters_and_nothing_is_learned(rng):
    likelihood = Bernoulli((6, 5, 1), projection=None)
    likelihood.build((None, 6, 5, 1))
    features = rng.normal(size=(3, 6, 5, 1)).astype(np.float32)
    np.testing.assert_array_equal(likelihood.parameters(features)["logits"], features)
    assert likelihood.weights == []


@pytest.mark.parametrize(
    ("likelihood", "features", "wanted"),
    [
        (Bernoulli((6, 5, 1), projection=None), (30,), (6, 5, 1)),
        (Bernoulli((6,), projection=None), (7,), (6,)),
        (Normal((6,), scale="predicted", projection=None), (6,), (12,)),
        (Normal((6, 5, 2), scale="predicted", projection=None), (6, 5, 2), (6, 5, 4)),
    ],
)
def test_features_that_are_no_parameters_are_refused(likelihood, features, wanted):
    sentence = f"{re.escape(str(features))}, but .* takes parameters of shape {re.escape(str(wanted))}: change"
    with pytest.raises(InputError, match=sentence):
        likelihood.build((None, *features))


@pytest.mark.parametrize(("event_shape", "features"), [((6, 5, 1), (5, 6, 8)), ((6, 5, 1), (6, 8)), ((6,), (6, 2))])
def test_features_of_another_shape_are_refused(event_shape, features):
    with pytest.raises(InputError, match=r"decoder ends in shape .* but the data has shape .*: end it in"):
        Bernoulli(event_shape).build((None, *features))


@pytest.mark.parametrize("event_shape", [(), (0,), (28, -1, 1)])
def test_an_empty_event_is_refused(event_shape):
    with pytest.raises(InputError, match=r"event_shape=.*give whole numbers of at least 1"):
        Bernoulli(event_shape)


def test_another_projection_is_refused():
    with pytest.raises(InputError, match="projection='dense': give \"auto\" or None"):
        Bernoulli((3,), projection="dense")


# ----- check: data that a likelihood gives no density


def with_value(value) -> np.ndarray:
    x = np.full((3, 2, 2), 0.5)
    x[2, 0, 1] = value
    return x


@pytest.mark.parametrize("likelihood", [Bernoulli, ContinuousBernoulli])
@pytest.mark.parametrize("value", [255.0, -0.001, 1.001, np.nan, np.inf, -np.inf])
def test_values_outside_the_unit_interval_are_refused(likelihood, value):
    place = r"in channel 1 \(index \(2, 0, 1\)\)"
    sentence = rf"data is {value} {place}; {likelihood.__name__} takes values in \[0, 1\]: .*x / 255"
    with pytest.raises(InputError, match=sentence):
        likelihood((2, 2)).check(with_value(value), "data")


@pytest.mark.parametrize("likelihood", [Normal, Laplace])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_densities_of_real_values_refuse_what_is_not_finite_only(likelihood, value):
    likelihood((2, 2)).check(with_value(-255.0))
    sentence = rf"x is {value} in channel 1 \(index \(2, 0, 1\)\); {likelihood.__name__} takes finite values: remove"
    with pytest.raises(InputError, match=sentence):
        likelihood((2, 2)).check(with_value(value))


DISCRETE = [
    (Categorical((2, 2), categories=3), 2.0, "whole numbers from 0 to 2: number the categories from 0"),
    (NegativeBinomial((2, 2)), 7.0, "whole numbers of at least 0: give the counts themselves"),
    (DiscretizedLogisticMixture((2, 2)), 77 / 255, "the levels k / 255 of 8-bit data: give uint8 images / 255"),
]
NAMES = [type(likelihood).__name__ for likelihood, *_ in DISCRETE]


@pytest.mark.parametrize(("likelihood", "said"), [(likelihood, said) for likelihood, _, said in DISCRETE], ids=NAMES)
@pytest.mark.parametrize("value", [-1.0, 0.5, 1e-3, 1.001, np.nan, np.inf, -np.inf])
def test_values_without_a_probability_are_refused_wherever_they_are(likelihood, said, value):
    x = np.zeros((300_000, 2, 2), np.float32)  # more than one chunk
    x[0], x[299_999, 0, 1] = 1, value  # between the least and the greatest, too
    place = r"in channel 1 \(index \(299999, 0, 1\)\)"
    with pytest.raises(InputError, match=rf"x is {value} {place}; {type(likelihood).__name__} takes {said}"):
        likelihood.check(x)


@pytest.mark.parametrize(("likelihood", "value"), [(likelihood, value) for likelihood, value, _ in DISCRETE], ids=NAMES)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_values_with_a_probability_pass(likelihood, value, kind):
    x = np.zeros((3, 2, 2), kind)
    x[2, 0, 1] = value
    likelihood.check(x)
    likelihood.check(tf.constant(x))


def test_each_level_of_8_bits_passes_whether_divided_or_multiplied():
    levels = np.arange(256, dtype=np.uint8)[:, None]
    for x in (levels / 255, levels / np.float32(255), levels * np.float32(1 / 255), tf.cast(levels, tf.float32) / 255):
        DiscretizedLogisticMixture((1,)).check(x)


@pytest.mark.parametrize("value", [3.0, 1.9999])
def test_a_category_too_many_or_nearly_one_is_refused(value):
    with pytest.raises(InputError, match=rf"x is {value} in channel 0 \(index \(1, 0\)\); Categorical takes whole"):
        Categorical((1,), categories=3).check(np.array([[0.0], [value]]))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint8, np.int64, np.bool_])
def test_values_inside_pass_whatever_their_type(kind):
    Bernoulli((2, 2)).check(np.ones((3, 2, 2), kind))
    Bernoulli((2, 2)).check(tf.zeros((3, 2, 2)))
    Bernoulli((2, 2)).check(np.zeros((0, 2, 2), kind))


VALUES = np.float32([0, 1, 2, 0.5, 1e-3, 1.001, 77 / 255, 77.4 / 255, 300, -1, np.nan, np.inf, -np.inf])
TAKEN = {
    Bernoulli((2,)): (VALUES >= 0) & (VALUES <= 1),
    ContinuousBernoulli((2,)): (VALUES >= 0) & (VALUES <= 1),
    Normal((2,)): np.isfinite(VALUES),
    Laplace((2,)): np.isfinite(VALUES),
    Categorical((2,), categories=3): np.isin(VALUES, [0, 1, 2]),
    NegativeBinomial((2,)): np.isin(VALUES, [0, 1, 2, 300]),
    DiscretizedLogisticMixture((2,)): np.isin(VALUES, np.float32([0, 1, 77 / 255])),
}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize(("likelihood", "taken"), TAKEN.items(), ids=lambda value: type(value).__name__)
def test_the_graph_accepts_what_the_check_lets_pass(likelihood, taken, jit_compile):
    x = np.stack([np.zeros_like(VALUES), VALUES], axis=1)
    accepts = tf.function(likelihood.accepts, jit_compile=jit_compile)
    np.testing.assert_array_equal(accepts(tf.constant(x)), taken)
    for example, passes in zip(x, taken, strict=True):
        with contextlib.nullcontext() if passes else pytest.raises(InputError):
            likelihood.check(example[None])


@pytest.mark.parametrize("shape", [(3, 2), (3, 2, 2, 1), (3, 4), (2, 2), ()])
def test_another_shape_is_refused(shape):
    with pytest.raises(InputError, match=r"x has shape \(.*\); this model takes \('N', 2, 2\): reshape the data or"):
        Bernoulli((2, 2)).check(np.zeros(shape))
