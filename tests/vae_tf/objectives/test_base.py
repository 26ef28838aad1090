import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, likelihoods, objectives, posteriors, schedules

WEIGHTS = [
    ("ELBO", "beta"),
    ("Capacity", "gamma"),
    ("Capacity", "capacity"),
    ("FreeBits", "free"),
    ("TotalCorrelation", "beta"),
    ("DIP", "off_diagonal"),
    ("DIP", "diagonal"),
    ("MaximumMeanDiscrepancy", "weight"),
    ("MaximumMeanDiscrepancy", "beta"),
    ("Reconstruction", "beta"),
]
RAMP = schedules.Linear(0.0, 2.0, steps=10)


@pytest.mark.parametrize(("name", "argument"), WEIGHTS)
@pytest.mark.parametrize("value", [-1.0, float("nan"), "1"])
def test_a_weight_below_0_is_refused(name, argument, value):
    with pytest.raises(InputError, match=rf"{name} got {argument}={value!r}: give a number of at least 0"):
        getattr(objectives, name)(**{argument: value})


@pytest.mark.parametrize(
    ("name", "argument"),
    [("FreeBits", "free"), ("DIP", "off_diagonal"), ("DIP", "diagonal"), ("Reconstruction", "beta")],
)
def test_a_schedule_is_refused_where_it_would_not_be_followed(name, argument):
    with pytest.raises(InputError, match=rf"{name} got {argument}=<.*Linear.*>: give a number of at least 0\."):
        getattr(objectives, name)(**{argument: RAMP})


@pytest.mark.parametrize("name", sorted(set(objectives.__all__) - {"Objective", "Reconstruction"}))
@pytest.mark.parametrize("samples", [0, 2.5])
def test_no_draws_are_refused(name, samples):
    with pytest.raises(InputError, match=rf"{name} got samples={samples}: give a whole number of at least 1"):
        getattr(objectives, name)(samples=samples)


CHOICES = {
    "Capacity": {"gamma": RAMP, "capacity": RAMP, "kl": "monte_carlo", "samples": 2},
    "DIP": {"variant": "i", "off_diagonal": 2.0, "diagonal": 3.0, "kl": "monte_carlo", "samples": 2},
    "ELBO": {"beta": RAMP, "kl": "monte_carlo", "samples": 2},
    "FreeBits": {"free": 0.25, "samples": 2},
    "ImportanceWeighted": {"samples": 3, "gradient": "dreg"},
    "MaximumMeanDiscrepancy": {"weight": RAMP, "beta": None, "kernel": "inverse_multiquadratic", "samples": 2},
    "Reconstruction": {"beta": 0.5},
    "TotalCorrelation": {"beta": RAMP, "examples": 40, "kl": "monte_carlo", "samples": 2},
}


def test_the_choices_are_of_every_objective():
    assert sorted(CHOICES) == sorted(set(objectives.__all__) - {"Objective"})


@pytest.mark.parametrize("name", CHOICES)
def test_keras_makes_an_objective_again_with_all_that_was_chosen(name):
    objective = getattr(objectives, name)(**CHOICES[name])
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(objective))
    assert type(again) is type(objective)
    for argument, value in CHOICES[name].items():
        found = getattr(again, argument)
        same = found.get_config() == value.get_config() if isinstance(value, schedules.Schedule) else found == value
        assert same, argument


# ----- sample weights

WEIGHED = {
    "Capacity": {},
    "DIP": {"variant": "i"},
    "DIP of variant ii": {"variant": "ii"},
    "ELBO": {},
    "FreeBits": {"free": 0.2},
    "ImportanceWeighted": {"samples": 1},
    "MaximumMeanDiscrepancy": {"weight": 10.0},
    "MaximumMeanDiscrepancy without a rate": {"weight": 10.0, "beta": None, "kernel": "inverse_multiquadratic"},
    "Reconstruction": {"beta": 0.5},
    "TotalCorrelation": {"examples": 1000},
}
SEED = tf.constant([3, 4], tf.int64)


def test_the_weighed_are_of_every_objective():
    assert {name.split()[0] for name in WEIGHED} == set(CHOICES)


@pytest.fixture
def weighed(make_vae, request):
    """A compiled model with real data, and the gradient of what it minimises without its steps."""
    objective = getattr(objectives, request.param.split()[0])(**WEIGHED[request.param])
    has_rate = "rate" in objective.directions
    posterior = posteriors.DiagonalNormal(2) if has_rate else posteriors.Deterministic(2)
    vae = make_vae(posterior=posterior, likelihood=likelihoods.Normal((6,)), objective=objective)
    vae.compile("sgd")
    return vae


def values_and_gradients(vae, x, weights):
    with tf.GradientTape() as tape:
        values = vae.values(tf.constant(x), SEED, weights=weights)
        total = tf.reduce_sum(values["loss"] if weights is None else weights * values["loss"])
    return values, tape.gradient(total, vae.trainable_weights)


def assert_close(ones, others):
    for one, other in zip(tf.nest.flatten(ones), tf.nest.flatten(others), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("weighed", WEIGHED, indirect=True)
def test_rows_of_weight_0_change_nothing_for_the_others(weighed, rng):
    x, others = rng.normal(size=(16, 6)).astype(np.float32), 50 * rng.normal(size=(16, 6)).astype(np.float32)
    weights = tf.constant([1.0] * 16 + [0.0] * 16)
    alone, gradients = values_and_gradients(weighed, x, None)
    beside, gradients_beside = values_and_gradients(weighed, np.concatenate([x, others]), weights)
    assert alone.keys() == beside.keys()
    for name, value in alone.items():
        found = beside[name][:16] if value.shape.rank else beside[name]
        np.testing.assert_allclose(found, value, rtol=1e-5, err_msg=name)
    assert_close(gradients_beside, gradients)


@pytest.mark.parametrize("weighed", WEIGHED, indirect=True)
def test_only_the_proportions_of_the_weights_change_an_example_s_loss(weighed, rng):
    x, weights = rng.normal(size=(8, 6)).astype(np.float32), tf.constant(0.1 + rng.random(8), tf.float32)
    assert_close(*(weighed.values(x, SEED, weights=factor * weights)["loss"] for factor in (1, 1000)))
    assert_close(*(weighed.values(x, SEED, weights=weights)["loss"] for weights in (None, tf.fill([8], 0.7))))


@pytest.mark.parametrize("weighed", WEIGHED, indirect=True)
def test_weights_that_are_all_0_leave_nothing_to_learn(weighed, rng):
    values, gradients = values_and_gradients(weighed, rng.normal(size=(8, 6)).astype(np.float32), tf.zeros([8]))
    assert all(np.isfinite(value).all() for value in values.values())
    assert all((gradient is None) or not np.any(gradient) for gradient in gradients)


COUPLED = ("DIP of variant ii", "FreeBits", "MaximumMeanDiscrepancy", "TotalCorrelation")


@pytest.mark.parametrize("several", [1, 2])
@pytest.mark.parametrize("weighed", COUPLED, indirect=True)
def test_a_step_beside_rows_of_weight_0_is_the_step_without_them(weighed, rng, several):
    x, others = rng.normal(size=(32, 6)).astype(np.float32), 50 * rng.normal(size=(32, 6)).astype(np.float32)
    between = np.concatenate([x[:16], others[:16], x[16:], others[16:]])
    start, ends = weighed.get_weights(), []
    for data, weights, rate in ((x, np.ones(32), 1e-4), (between, np.tile(np.repeat([1.0, 0.0], 16), 2), 2e-4)):
        weighed.set_weights(start)
        # Keras divides by all rows, those of weight 0 among them.
        weighed.compile(keras.optimizers.SGD(rate), steps_per_execution=several, jit_compile=False)
        weighed.fit(data, sample_weight=weights, batch_size=len(data) // 2, shuffle=False, verbose=0)
        ends.append(weighed.get_weights())
    assert any(np.abs(one - other).max() > 1e-5 for one, other in zip(start, ends[0], strict=True) if one.shape)
    assert_close(*ends)
