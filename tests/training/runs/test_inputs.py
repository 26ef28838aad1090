"""Every example of a source with its label, as a model that takes labels sees it."""

import numpy as np
import pytest

from vae_tf import VAE, InputError, networks
from vae_tf.training.datasets import Labels
from vae_tf.training.recipes.recipe import Recipe
from vae_tf.training.runs.inputs import inputs, option

LABELS = Labels(("ant", "bee", "cat"))


@pytest.fixture(scope="module")
def vae() -> VAE:
    return VAE(*networks.mlp((4, 4, 1), 2, hidden=(3,), conditions={"label": networks.Label(3)}))


@pytest.fixture
def x(rng) -> np.ndarray:
    return rng.integers(0, 256, (4, 4, 4), dtype=np.uint8)


def asked(source, vae, *label):
    """The batch of a source, for a model whose encoder takes the label."""
    (batch,) = inputs(str(source), Recipe(), vae, vae.encoder_conditions, LABELS, *label).batches
    return batch


def test_labels_of_the_data_go_by_their_names(save_npz, vae, x):
    batch = asked(save_npz(x_train=x, y_train=np.array(["cat", "ant", "cat", "bee"])), vae)
    np.testing.assert_allclose(batch["x"][..., 0], x / np.float32(255))
    assert batch["label"].dtype == "int32"
    np.testing.assert_array_equal(batch["label"], [2, 0, 2, 1])


@pytest.mark.parametrize("label", ["bee", "1"])
def test_one_label_is_that_of_all_whatever_the_data_say(save_npz, vae, x, label):
    for y in ({}, {"y_train": np.array(["cat", "cow", "cat", "bee"])}):
        np.testing.assert_array_equal(asked(save_npz(x_train=x, **y), vae, label)["label"], [1, 1, 1, 1])


def test_no_label_is_read_that_the_model_does_not_need(save_npz, vae, x):
    path = str(save_npz(x_train=x))
    (batch,) = inputs(path, Recipe(), vae, (), LABELS).batches
    assert batch.shape == (4, 4, 4, 1)
    with pytest.raises(InputError, match="--label is 'bee', and the model takes no label for this: leave it out"):
        inputs(path, Recipe(), vae, (), LABELS, "bee")
    with pytest.raises(InputError, match="takes no label for this"):
        inputs(path, Recipe(), vae, (), None, "bee")


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (
            None,
            r"has no label for each example, .*: give data with labels, or .* --label NAME, such as --label ant\.$",
        ),
        (
            ["ant", "beee", "ant", "ant"],
            r"^y of .* holds the label 'beee' \(did you mean 'bee'\?\), .* by --label NAME\.$",
        ),
        ([0, 1, 2, 3], r"holds the label '0', and the model was trained with 'ant', .* one label for all of them by"),
        ([0.5, 1, 2, 3], r"has dtype float64, such as 0\.5, .*: number the classes from 0, or one label for all"),
    ],
)
def test_labels_that_the_model_does_not_know_are_refused_with_the_way_out(save_npz, vae, x, y, sentence):
    path = save_npz(x_train=x, **({} if y is None else {"y_train": np.array(y)}))
    with pytest.raises(InputError, match=sentence):
        asked(path, vae)


@pytest.mark.parametrize(
    ("label", "word"), [("ant", "--label ant"), ("my cat", "--label 'my cat'"), ("-x", "--label=-x")]
)
def test_a_label_that_is_proposed_can_be_typed(label, word):
    assert option(label) == word


def test_an_unknown_label_that_is_asked_for_is_refused(save_npz, vae, x):
    with pytest.raises(InputError, match=r"The label asked for is 'beee' \(did you mean 'bee'\?\)"):
        asked(save_npz(x_train=x), vae, "beee")
