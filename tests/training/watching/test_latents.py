import io

import numpy as np
import pytest
from PIL import Image

from vae_tf import likelihoods, networks, objectives, posteriors, priors
from vae_tf.training import callbacks, evaluation
from vae_tf.training.watching import plots


def fit(vae, x, folder, read_events) -> dict:
    vae.compile("sgd", run_eagerly=True)
    vae.fit(x, batch_size=10, epochs=2, callbacks=[callbacks.Latents(folder, x)], verbose=0)
    return read_events(folder / "latents")


def test_the_latent_dimensions_are_written_at_each_epoch(make_vae, bits, tmp_path, read_events):
    vae = make_vae()
    found = fit(vae, bits, tmp_path, read_events)
    assert set(found) == {"active_units", "kl_per_dimension", "kl_per_dimension_histogram", "aggregated_posterior"}
    assert all(list(steps) == [1, 2] for steps in found.values())
    assert float(found["active_units"][2]) == evaluation.active_units(evaluation.codes(vae, bits))


def test_the_codes_are_drawn_with_the_same_noise_at_each_epoch(make_vae, bits, tmp_path):
    vae = make_vae()
    callback = callbacks.Latents(tmp_path, bits)
    callback.set_model(vae)
    codes, prior = callback._draws()
    assert codes.shape == prior.shape == (20, 2)
    assert not np.array_equal(codes, prior)
    np.testing.assert_array_equal(callback._draws()[0], codes)  # the same at each epoch


@pytest.mark.parametrize(
    "parts",
    [
        {"posterior": posteriors.Deterministic(2), "objective": objectives.Reconstruction()},
        {"posterior": posteriors.InverseAutoregressiveFlow(2)},
        {"posterior": posteriors.PowerSpherical(2), "prior": priors.SphericalUniform(2)},
        {"prior": priors.VampPrior(2, components=3)},
    ],
)
def test_where_the_rate_does_not_fall_apart_there_is_no_plot_of_it(make_vae, bits, tmp_path, read_events, parts):
    found = fit(make_vae(**parts), bits, tmp_path, read_events)
    assert set(found) == {"active_units", "aggregated_posterior"}


def test_vectors_and_one_dimension_have_all_of_it(make_vae, rng, tmp_path, read_events):
    vae = make_vae((5,), latent_size=1, likelihood=likelihoods.Normal((5,)))
    found = fit(vae, rng.normal(size=(20, 5)).astype(np.float32), tmp_path, read_events)
    assert set(found) == {"active_units", "kl_per_dimension", "kl_per_dimension_histogram", "aggregated_posterior"}
    _, _, png = found["aggregated_posterior"][1]
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "RGB"


def test_of_a_ladder_the_rate_of_each_rung_is_shown_from_the_top_down(make_structured, bits, tmp_path, read_events):
    vae = make_structured("ladder")
    found = fit(vae, bits, tmp_path, read_events)
    rates = {f"rate/rung_{number}" for number in (1, 2, 3)}
    assert set(found) == {*rates, "rate_by_rung", "aggregated_posterior"}
    shown = [float(found[f"rate/rung_{number}"][2]) for number in (1, 2, 3)]
    np.testing.assert_allclose(shown, evaluation.rate_by_rung(vae, bits), rtol=1e-5)


@pytest.mark.parametrize("kind", ["vq", "fsq"])
def test_of_discrete_codes_it_is_shown_how_many_are_in_use(make_structured, bits, tmp_path, read_events, kind):
    vae = make_structured(kind)
    found = fit(vae, bits, tmp_path, read_events)
    assert set(found) == {"perplexity", "codes_in_use_share", "code_frequencies"}
    usage = evaluation.code_usage(evaluation.codes(vae, bits), 6)
    assert float(found["perplexity"][2]) == pytest.approx(usage.perplexity)
    assert float(found["codes_in_use_share"][2]) == pytest.approx(usage.share)


def test_a_grid_of_real_numbers_has_all_of_it(make_structured, bits, tmp_path, read_events):
    found = fit(make_structured("grid"), bits, tmp_path, read_events)
    assert set(found) == {"active_units", "kl_per_dimension", "kl_per_dimension_histogram", "aggregated_posterior"}


def test_the_plot_of_many_rungs_is_high_enough(rng):
    few = plots.rate_by_rung(np.float32([0.5, 2]), [(1, 1, 8), (7, 7, 2)])
    many = plots.rate_by_rung(rng.uniform(size=30), 30 * [(7, 7, 2)])
    assert (few.shape, many.shape) == ((400, 600, 3), (850, 600, 3))


def test_the_most_frequent_code_comes_first():
    drawn = plots.code_frequencies(np.array([0.1, 0, 0.6, 0.3]))
    np.testing.assert_array_equal(drawn, plots.code_frequencies(np.array([0.6, 0.3, 0.1, 0])))


def test_a_plot_is_an_array_of_colours(rng):
    drawn = plots.kl_per_dimension(np.float32([0.5, 2, 1]))
    assert (drawn.dtype, drawn.shape) == (np.uint8, (400, 600, 3))
    np.testing.assert_array_equal(drawn, plots.kl_per_dimension(np.float32([2, 1, 0.5])))  # the largest first
    other = plots.aggregated_posterior(rng.normal(size=(9, 4)), rng.normal(size=(9, 4)))
    assert other.shape == (400, 600, 3)


def test_the_prior_is_drawn_with_the_conditions_of_the_examples(make_vae, bits, tmp_path):
    vae = make_vae(conditions={"label": networks.Label(3)}, prior=priors.ConditionalNormal(2))
    vae.prior.loc.kernel.assign([[100, 0], [0, 100], [-100, 0]])
    x = {"x": bits, "label": np.arange(20) % 3}
    callback = callbacks.Latents(tmp_path, x)
    callback.set_model(vae)
    callback.on_train_begin()
    codes, prior = callback._draws()
    callback.on_train_end()
    assert codes.shape == prior.shape == (20, 2)
    expected = np.float32([[100, 0], [0, 100], [-100, 0]])[x["label"]]
    np.testing.assert_allclose(prior, expected, atol=5)
