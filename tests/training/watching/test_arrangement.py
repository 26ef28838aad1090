import dataclasses

import numpy as np
import pytest

from vae_tf import InputError, networks, priors
from vae_tf.training.watching.arrangement import arranged, label_of_rows

LABEL = {"label": networks.Label(3)}
BOTH = {"angle": networks.Vector(2), "label": networks.Label(3)}


def test_without_conditions_each_image_has_a_code_of_its_own(make_vae):
    shown = arranged(make_vae(), 9, 5, None, {})
    assert len(np.unique(shown.seeds, axis=0)) == 9
    assert (shown.conditions, shown.columns, shown.names, shown.below) == ({}, 3, (), "")


def test_each_row_has_a_label_and_each_column_a_code(make_vae):
    shown = arranged(make_vae(conditions=LABEL), None, 5, None, {})
    assert shown.conditions["label"].reshape(3, 10).tolist() == [[row] * 10 for row in range(3)]
    seeds = np.asarray(shown.seeds).reshape(3, 10, 2)
    assert (seeds == seeds[:1]).all()
    assert len(np.unique(seeds[0], axis=0)) == 10
    assert (shown.columns, shown.names, shown.below) == (10, ("0", "1", "2"), "")


@pytest.mark.parametrize(
    ("labels", "count", "rows", "columns"),
    [(3, 64, 3, 21), (3, 3, 3, 1), (3, 2, 2, 1), (3, 1, 1, 1), (10, None, 10, 10), (16, None, 16, 10), (17, 40, 16, 2)],
)
def test_there_are_as_many_of_each_label_as_the_count_has_place_for(make_vae, labels, count, rows, columns):
    shown = arranged(make_vae(conditions={"label": networks.Label(labels)}), count, 0, None, {})
    assert (len(shown.seeds), len(shown.names), shown.columns) == (rows * columns, rows, columns)
    assert shown.below == ("" if rows == labels else f"the first {rows} of {labels} labels")


def test_labels_that_are_not_shown_cost_nothing(make_vae):
    vae = make_vae(conditions=LABEL)
    vae.conditions["label"] = dataclasses.replace(vae.conditions["label"], count=2**40)  # as a file may say
    shown = arranged(vae, None, 0, None, {})
    assert shown.names == tuple(map(str, range(16)))
    assert shown.below == "the first 16 of 1,099,511,627,776 labels"


def test_rows_have_the_names_of_their_labels(make_vae):
    vae = make_vae(conditions=LABEL)
    assert arranged(vae, 2, 0, ["cat", "dog", "owl"], {}).names == ("cat", "dog")
    with pytest.raises(InputError, match="2 class_names were given, and 'label' has 3 values: give a name for each"):
        arranged(vae, None, 0, ["cat", "dog"], {})


def test_a_label_that_is_given_is_that_of_all_images(make_vae):
    shown = arranged(make_vae(conditions=LABEL), 16, 0, ["cat", "dog", "owl"], {"label": 2})
    assert (int(shown.conditions["label"]), shown.columns, shown.names) == (2, 4, ())
    assert len(np.unique(shown.seeds, axis=0)) == 16


def test_several_values_are_used_in_turn_by_image_or_by_column(make_vae):
    angles = np.float32([[1, 0], [0, 1], [-1, 0]])
    shown = arranged(make_vae(conditions=BOTH), 12, 0, None, {"angle": angles, "label": [0, 2]})
    assert shown.conditions["label"].tolist() == [0, 2] * 6
    np.testing.assert_array_equal(shown.conditions["angle"], np.tile(angles, (4, 1)))
    shown = arranged(make_vae(conditions=BOTH), 12, 0, None, {"angle": angles})
    np.testing.assert_array_equal(shown.conditions["angle"].reshape(3, 4, 2), [angles[[0, 1, 2, 0]]] * 3)


def test_only_a_label_that_samples_depend_on_makes_rows(make_vae):
    def label(conditions, given=(), **parts):
        found = label_of_rows(make_vae(conditions=conditions, **parts), dict.fromkeys(given))
        return found and found.name

    only_encoder = {"label": networks.Label(3, decoder=False)}
    assert label(None) is None
    assert label(LABEL) == "label"
    assert label(LABEL, given=["label"]) is None
    assert label(BOTH) == "label"
    assert label({"angle": networks.Vector(2)}) is None
    assert label(only_encoder) is None
    assert label(only_encoder, prior=priors.ConditionalNormal(2)) == "label"
    assert label({"a": networks.Label(3), "b": networks.Label(4)}, given=["a"]) == "b"


def test_a_label_of_unknown_count_makes_no_rows_and_its_values_are_used_in_turn(make_vae):
    vae = make_vae(conditions=LABEL)
    vae.conditions["label"] = dataclasses.replace(vae.conditions["label"], count=None)
    assert label_of_rows(vae, {}) is None
    assert arranged(vae, 4, 0, None, {"label": [2, 1]}).conditions["label"].tolist() == [2, 1, 2, 1]


@pytest.mark.parametrize("count", [0, -1, 2.5])
def test_a_count_below_1_is_refused(make_vae, count):
    with pytest.raises(InputError, match=r"A picture of samples got count=.*: give a whole number of at least 1"):
        arranged(make_vae(), count, 0, None, {})


def test_a_condition_that_the_model_has_not_is_refused(make_vae):
    with pytest.raises(InputError, match=r"colour was given, but this model takes the conditions label"):
        arranged(make_vae(conditions=LABEL), 4, 0, None, {"colour": 1})
