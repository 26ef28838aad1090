import pytest

from vae_tf import InputError, objectives

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


@pytest.mark.parametrize(("name", "argument"), WEIGHTS)
@pytest.mark.parametrize("value", [-1.0, float("nan"), "1"])
def test_a_weight_below_0_is_refused(name, argument, value):
    with pytest.raises(InputError, match=rf"{name} got {argument}={value}: give a number of at least 0, or a schedule"):
        getattr(objectives, name)(**{argument: value})


@pytest.mark.parametrize("name", sorted(set(objectives.__all__) - {"Objective", "Reconstruction"}))
def test_no_draws_are_refused(name):
    with pytest.raises(InputError, match=rf"{name} got samples=0: give at least 1 draw for each example"):
        getattr(objectives, name)(samples=0)
