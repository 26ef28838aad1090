"""Conditions in a version: values to ask with, and what the card says."""

import numpy as np
import pytest

from vae_tf import InputError
from vae_tf.conditions import Condition
from vae_tf.export.version import conditions

LABEL = Condition("label", (), "int32", 10)
PAIR = Condition("pair", (2,), "int32", 3)
ANGLE = Condition("angle", (5,), "float32")
ALL = {condition.name: condition for condition in (LABEL, PAIR, ANGLE)}


@pytest.mark.parametrize("condition", [*ALL.values(), Condition("any", (), "int32"), Condition("one", (), "int32", 1)])
def test_the_values_are_those_of_the_condition_and_always_the_same(condition):
    values = conditions.values(condition, 8)
    assert (values.shape, values.dtype.name) == ((8, *condition.shape), condition.dtype)
    condition.check(values, 8, condition.name)
    np.testing.assert_array_equal(values, conditions.values(condition, 8))


def test_labels_are_spread_over_their_range():
    assert conditions.values(LABEL, 8).tolist() == [0, 1, 3, 4, 5, 6, 8, 9]
    assert conditions.values(Condition("label", (), "int32", 2), 4).tolist() == [0, 0, 1, 1]
    assert set(conditions.values(PAIR, 8).ravel()) == {0, 1, 2}


def test_the_card_describes_them_and_names_the_labels():
    names = [f"class {number}" for number in range(10)]
    assert conditions.described(ALL, {"label": names}) == {
        "label": {"dtype": "int32", "shape": [], "count": 10, "names": names},
        "pair": {"dtype": "int32", "shape": [2], "count": 3},
        "angle": {"dtype": "float32", "shape": [5], "count": None},
    }


def test_names_for_each_label_are_taken():
    conditions.check_names(ALL, {"label": list("abcdefghij"), "pair": ("a", "b", "c")})
    conditions.check_names({"any": Condition("any", (), "int32")}, {"any": ["a", "b"]})  # how many is not known
    conditions.check_names({}, {})


@pytest.mark.parametrize(
    ("names", "refusal"),
    [
        ({"label": ["cat", "dog"]}, "There are 2 names for 'label', and its labels are 0 to 9: give a name for each"),
        ({"colour": ["red"]}, "There are names for 'colour', but this model's can be those of label, pair"),
        ({"angle": ["a"]}, "There are names for 'angle', but this model's can be those of label, pair"),
        ({"label": "abcdefghij"}, "The names for 'label' are 'abcdefghij': give a list of texts"),
        ({"label": range(10)}, r"The names for 'label' are range\(0, 10\): give a list of texts"),
    ],
)
def test_other_names_are_refused(names, refusal):
    with pytest.raises(InputError, match=refusal):
        conditions.check_names(ALL, names)


def test_names_for_a_model_without_conditions_are_refused():
    with pytest.raises(InputError, match="this model's can be none, as it has no condition of whole numbers"):
        conditions.check_names({}, {"label": ["a"]})
