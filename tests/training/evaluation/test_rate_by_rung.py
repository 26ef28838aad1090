import numpy as np
import pytest

from vae_tf import InputError, objectives, posteriors
from vae_tf.training import evaluation


def test_their_sum_is_the_rate(make_structured, bits):
    vae = make_structured("ladder")
    for rung in vae.latents.rungs:  # it starts as the prior
        rung.posterior.shift.kernel.assign(np.full(rung.posterior.shift.kernel.shape, 0.3))
    rates = evaluation.rate_by_rung(vae, bits)
    assert rates.shape == (3,)
    assert rates.min() > 1e-3
    vae.compile("sgd", run_eagerly=True)
    rate = vae.evaluate(bits, batch_size=20, return_dict=True, verbose=0)["rate"]
    assert rates.sum() == pytest.approx(rate, rel=0.1)  # of other draws
    np.testing.assert_allclose(rates.sum(), evaluation.kl_per_dimension(vae, bits).sum(), rtol=1e-5)
    top = evaluation.rate_by_rung(vae, bits, batch_size=7)[0]  # which depends on no draw
    assert rates[0] == pytest.approx(top, rel=1e-5)


@pytest.mark.parametrize("kind", ["grid", "vq"])
def test_one_layer_has_no_rungs(make_structured, bits, kind):
    assert evaluation.rate_by_rung(make_structured(kind), bits) is None


def test_a_plain_autoencoder_has_no_rate(make_vae, bits):
    vae = make_vae(posterior=posteriors.Deterministic(2), objective=objectives.Reconstruction())
    assert evaluation.rate_by_rung(vae, bits) is None


def test_no_examples_are_refused(make_structured, bits):
    with pytest.raises(InputError, match="rate of each rung was asked for of 0 examples"):
        evaluation.rate_by_rung(make_structured("ladder"), bits[:0])
