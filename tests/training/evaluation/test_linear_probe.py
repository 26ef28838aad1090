import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from vae_tf import InputError
from vae_tf.training import evaluation
from vae_tf.training.evaluation.linear_probe import PENALTY


def blobs(count: int, seed: int, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Overlapping classes, of other scales in each dimension."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    centres = np.random.default_rng(0).normal(size=(classes, 4))
    codes = centres[labels] + rng.normal(size=(count, 4))
    return (codes * [1, 10, 0.1, 1] + [0, 100, 0, -3]).astype(np.float32), labels


def test_it_predicts_as_an_independent_library_does():
    (codes, labels), (test_codes, test_labels) = blobs(400, 1), blobs(300, 2)
    found = evaluation.linear_probe(codes, labels, test_codes, test_labels)
    mean, scale = codes.mean(axis=0), codes.std(axis=0)
    # sklearn minimises C sum_i loss_i + |W|^2 / 2
    other = LogisticRegression(C=1 / (2 * PENALTY * len(codes)), max_iter=10_000, tol=1e-8)
    expected = other.fit((codes - mean) / scale, labels).score((test_codes - mean) / scale, test_labels)
    assert found.accuracy == pytest.approx(expected, abs=2 / 300)
    assert found.accuracy > 0.5
    assert found.standard_error == pytest.approx(np.sqrt(found.accuracy * (1 - found.accuracy) / 300))


def test_labels_that_a_line_separates_are_all_found():
    codes = np.linspace(-1, 1, 100, dtype=np.float32)[:, None]
    labels = np.where(codes[:, 0] > 0, "right", "left")
    assert evaluation.linear_probe(codes, labels, codes, labels).accuracy == 1


def test_codes_that_say_nothing_are_as_good_as_a_guess(rng):
    codes, labels = rng.normal(size=(2_000, 3)).astype(np.float32), rng.integers(0, 2, 2_000)
    found = evaluation.linear_probe(codes[:1_000], labels[:1_000], codes[1_000:], labels[1_000:])
    assert found.accuracy == pytest.approx(0.5, abs=4 * found.standard_error)


def test_a_dimension_that_never_varies_does_no_harm(rng):
    codes, labels = blobs(200, 1)
    dead = np.concatenate([codes, np.full((200, 1), 3, np.float32)], axis=1)
    assert evaluation.linear_probe(dead, labels, dead, labels) == evaluation.linear_probe(codes, labels, codes, labels)


def test_labels_that_do_not_match_are_refused():
    codes, labels = blobs(10, 1)
    with pytest.raises(InputError, match=r"^labels has shape \(9,\) for 10 examples: give one label for each"):
        evaluation.linear_probe(codes, labels[:9], codes, labels)
    with pytest.raises(InputError, match=r"^test_labels has shape \(10, 1\) for 10 examples"):
        evaluation.linear_probe(codes, labels, codes, labels[:, None])
    with pytest.raises(InputError, match="1 class: give those of at least 2"):
        evaluation.linear_probe(codes, np.zeros(10), codes, labels)
