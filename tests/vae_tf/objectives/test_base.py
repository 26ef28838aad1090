import keras
import pytest

from vae_tf import InputError, objectives, schedules

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
    with pytest.raises(InputError, match=rf"{name} got {argument}={value}: give a number of at least 0"):
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
    with pytest.raises(InputError, match=rf"{name} got samples={samples}: give at least 1 draw for each example"):
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
