import numpy as np
import pytest

from vae_tf import posteriors, priors
from vae_tf.training import evaluation


def test_it_is_the_closed_form_and_its_sum_is_the_rate(make_vae, bits):
    vae = make_vae()
    q = vae.encode(bits)
    loc, scale = q.mean().numpy().astype(np.float64), q.stddev().numpy().astype(np.float64)
    expected = ((loc**2 + scale**2 - 1) / 2 - np.log(scale)).mean(axis=0)
    for batch_size in (7, 1_000):
        np.testing.assert_allclose(evaluation.kl_per_dimension(vae, bits, batch_size), expected, rtol=1e-4)
    vae.compile("sgd", run_eagerly=True)
    rate = vae.evaluate(bits, batch_size=20, return_dict=True, verbose=0)["rate"]
    assert evaluation.kl_per_dimension(vae, bits).sum() == pytest.approx(rate, rel=1e-4)


@pytest.mark.parametrize(
    "parts",
    [{"posterior": posteriors.FullCovarianceNormal(2)}, {"prior": priors.MixtureOfNormals(2, components=3)}],
)
def test_what_does_not_fall_apart_into_dimensions_has_none(make_vae, bits, parts):
    assert evaluation.kl_per_dimension(make_vae(**parts), bits) is None
