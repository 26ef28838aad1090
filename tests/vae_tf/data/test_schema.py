"""One rule of dtypes, whoever takes the examples."""

import numpy as np
import pytest
import tensorflow as tf

from vae_tf import InputError, importance, likelihoods
from vae_tf.data import Schema

NOISE = tf.zeros([1, 8, 2])
TAKERS = {
    "call": lambda vae, x: vae(x),
    "encode": lambda vae, x: vae.encode(x).mean(),
    "reconstruct": lambda vae, x: vae.reconstruct(x),
    "predict": lambda vae, x: vae.predict(x, verbose=0),
    "evaluate": lambda vae, x: vae.evaluate(x, verbose=0),
    "log_prob": lambda vae, x: vae.log_prob(x, samples=2),
    "estimates": lambda vae, x: next(importance.estimates(vae, x, samples=2, seed=0)).log_prob,
    "terms": lambda vae, x: vae.terms(x, NOISE).log_likelihood,
    "values": lambda vae, x: vae.values(x, tf.constant([0, 0], tf.int64))["loss"],
}


@pytest.fixture(scope="module")
def vae(make_vae):
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)
    return vae


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)
@pytest.mark.parametrize("kind", ["float64", "float16", "uint8", "int64", "bool"])
@pytest.mark.parametrize("make", [np.asarray, tf.constant], ids=["array", "tensor"])
def test_numbers_of_every_dtype_give_what_float32_gives(vae, binary, take, kind, make):
    expected = take(vae, binary[:8])
    np.testing.assert_array_equal(take(vae, make(binary[:8].astype(kind))), expected)


@pytest.mark.parametrize("take", TAKERS.values(), ids=TAKERS)
@pytest.mark.parametrize("kind", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("make", [np.asarray, tf.constant], ids=["array", "tensor"])
def test_pixels_that_are_not_scaled_are_refused_in_one_sentence(vae, binary, take, kind, make):
    with pytest.raises(InputError, match=r"x is 255 in channel .*takes values in \[0, 1\].*uint8 images: x / 255"):
        take(vae, make((255 * binary[:8]).astype(kind)))


def test_integers_are_taken_as_they_are_where_the_likelihood_takes_them():
    counts = np.array([[0, 7, 255]], np.uint8)
    for likelihood in (
        likelihoods.NegativeBinomial((3,)),
        likelihoods.Normal((3,)),
        likelihoods.Categorical((3,), 256),
    ):
        np.testing.assert_array_equal(Schema(likelihood, {}).tensors(counts), np.float32(counts))


def test_lists_and_data_frames_are_arrays(binary):
    pandas = pytest.importorskip("pandas")
    bernoulli = likelihoods.Bernoulli((6,))
    for given in (binary.tolist(), pandas.DataFrame(binary.astype(np.float64))):
        found = Schema(bernoulli, {}).tensors(given)
        assert found.dtype == tf.float32
        np.testing.assert_array_equal(found, binary)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (
            np.array([["a"] * 6]),
            "x is of dtype <U1; this model takes an array of numbers of shape ('N', 6): convert it.",
        ),
        (np.array([[None] * 6]), "x is of dtype object; "),
        ([[0.0] * 6, [0.0]], "x is a list; "),
        (
            {"x": np.zeros((1, 6))},
            "x is a dictionary of 'x'; this model takes an array of shape ('N', 6): give one value, such as x['x'].",
        ),
        (np.zeros((1, 6), np.complex64), "x is of dtype complex64; "),
        (None, "x is a NoneType; "),
        (np.zeros((6,)), "x has shape (6,); this model takes ('N', 6): reshape the data"),
        (np.float32(1), "x has shape (); this model takes ('N', 6)"),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(x, words):
    with pytest.raises(InputError) as caught:
        Schema(likelihoods.Bernoulli((6,)), {}).tensors(x)
    assert words in str(caught.value)


@pytest.mark.parametrize("kind", ["float64", "float16", "int32", "uint8"])
@pytest.mark.parametrize("make", [np.asarray, tf.constant], ids=["array", "tensor"])
def test_codes_may_be_of_any_dtype_too(vae, kind, make):
    z = np.array([[1, 2], [0, 1]])
    np.testing.assert_array_equal(vae.decode(make(z.astype(kind))).mean(), vae.decode(np.float32(z)).mean())


def test_codes_that_are_no_numbers_are_refused(vae):
    with pytest.raises(InputError, match=r"z is a str; this model takes an array of numbers of shape \('N', 2\)"):
        vae.decode("codes")
