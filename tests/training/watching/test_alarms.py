import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import likelihoods, objectives, posteriors, priors
from vae_tf.errors import DivergenceError
from vae_tf.training import callbacks, evaluation
from vae_tf.training.watching import alarms

EPOCHS = alarms.PATIENCE


def fit(vae, x, folder, epochs=EPOCHS, rate=0.0, x_watched=None, **options):
    """Trains, with a rate of 0 not at all; returns what was warned of."""
    vae.compile(keras.optimizers.SGD(rate), run_eagerly=True)
    watch = callbacks.Alarms(folder, x if x_watched is None else x_watched, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vae.fit(x, batch_size=10, epochs=epochs, callbacks=[watch], verbose=0)
    return [str(warning.message) for warning in caught if "epoch" in str(warning.message)]


def collapsed(vae, dimensions: slice, stddev: float = 1.0):
    """Makes codes of some dimensions the same for all data, N(0, stddev^2)."""
    for layer, value in ((vae.posterior.loc, 0.0), (vae.posterior.log_variance, 2 * np.log(stddev))):
        kernel, bias = layer.get_weights()
        kernel[:, dimensions], bias[dimensions] = 0.0, value
        layer.set_weights([kernel, bias])
    return vae


def spread_out(vae):
    """Makes the codes of examples differ."""
    kernel, bias = vae.posterior.loc.get_weights()
    vae.posterior.loc.set_weights([100 * kernel, bias])
    return vae


def text(values: dict) -> dict[int, str]:
    return {step: value.item().decode() if value.ndim == 0 else value[0].decode() for step, value in values.items()}


def test_a_model_that_learns_is_left_alone(make_vae, bits, tmp_path, read_events):
    assert fit(spread_out(make_vae()), bits, tmp_path, epochs=EPOCHS + 1) == []
    assert read_events(tmp_path / "alarms") == {}


def test_a_rate_that_never_rises_is_told_once_after_some_epochs(make_vae, bits, tmp_path, read_events):
    vae = collapsed(make_vae(), slice(None))
    assert fit(vae, bits, tmp_path / "short", epochs=EPOCHS - 1) == []
    (said,) = fit(vae, bits, tmp_path, epochs=EPOCHS + 2)
    assert said.startswith(f"The rate has not been above 0.1 nats in {EPOCHS} epochs: the codes say nothing about the")
    assert "the preset free-bits" in said
    found = read_events(tmp_path / "alarms")
    assert set(found) == {"rate_never_rises"}
    assert text(found["rate_never_rises"]) == {EPOCHS: said}


def test_dimensions_that_are_not_used_are_a_collapse_though_they_cost_something(make_vae, bits, tmp_path, read_events):
    vae = spread_out(make_vae(latent_size=12))
    collapsed(vae, slice(1, None), stddev=0.5)
    (said,) = fit(vae, bits, tmp_path, epochs=EPOCHS + 2)
    assert said.startswith(f"The posterior has collapsed: 1 of 12 latent dimensions are active after epoch {EPOCHS}; ")
    assert text(read_events(tmp_path / "alarms")["posterior_collapse"]) == {EPOCHS: said}


def test_the_share_that_should_be_active_can_be_chosen(make_vae, bits, tmp_path):
    vae = spread_out(make_vae(latent_size=12))
    collapsed(vae, slice(3, None), stddev=0.5)
    assert fit(vae, bits, tmp_path) == []
    (said,) = fit(vae, bits, tmp_path, share=0.5)
    assert "3 of 12" in said


def test_a_loss_that_is_not_finite_is_told_before_training_is_stopped(make_vae, bits, tmp_path, read_events):
    vae = make_vae()
    vae.compile(keras.optimizers.SGD(1e30), run_eagerly=True)
    watching = [callbacks.Alarms(tmp_path, bits), callbacks.StopOnDivergence()]
    with pytest.raises(DivergenceError):
        vae.fit(bits, batch_size=5, epochs=3, callbacks=watching, verbose=0)
    (said,) = text(read_events(tmp_path / "alarms")["not_finite"]).values()
    assert said.startswith("In epoch 1, the loss is no longer finite: ")


def test_in_the_first_epoch_unbounded_data_are_to_be_scaled(make_vae, bits, tmp_path):
    (said,) = fit(make_vae(likelihood=likelihoods.Normal((4, 4, 1))), bits, tmp_path, epochs=1, rate=1e30)
    assert "scale the data to values of order 1" in said
    assert said.index("scale the data") < said.index("smaller learning rate")


def test_without_a_callback_that_stops_it_is_told_once(make_vae, bits, tmp_path, read_events):
    (said,) = fit(make_vae(), bits, tmp_path, epochs=3, rate=1e30)
    assert "no longer finite" in said
    assert text(read_events(tmp_path / "alarms")["not_finite"]) == {1: said}


def test_weights_that_break_with_the_last_step_are_seen(make_vae, bits, tmp_path, read_events):
    vae = make_vae()

    class Break(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.posterior.loc.kernel.assign(tf.fill([5, 2], np.nan))

    vae.compile("sgd", run_eagerly=True)
    with pytest.warns(UserWarning, match="In epoch 1, a weight is no longer finite") as caught:
        vae.fit(bits, batch_size=20, callbacks=[Break(), callbacks.Alarms(tmp_path, bits)], verbose=0)
    (said,) = [str(warning.message) for warning in caught if "finite" in str(warning.message)]
    assert text(read_events(tmp_path / "alarms")["not_finite"]) == {1: said}


def test_a_code_that_is_not_finite_is_told_though_the_weights_are(make_vae, bits, tmp_path):
    vae = make_vae()
    vae.posterior.loc.kernel.assign(tf.fill([5, 2], 3e38))
    watch = callbacks.Alarms(tmp_path, bits)
    watch.set_model(vae)
    watch.on_train_begin()
    with pytest.warns(UserWarning, match="In epoch 1, a code is no longer finite"):
        watch.write(1, {"loss": 1.0})
    watch.on_train_end()


@pytest.mark.parametrize(
    "parts",
    [
        {"posterior": posteriors.Deterministic(128), "objective": objectives.Reconstruction()},
        {"posterior": posteriors.PowerSpherical(128), "prior": priors.SphericalUniform(128)},
    ],
)
def test_small_codes_of_models_without_a_rate_or_on_the_sphere_are_no_collapse(make_vae, bits, tmp_path, parts):
    vae = make_vae(latent_size=128, **parts)
    if not vae.can_collapse:
        vae.posterior.concentration.bias.assign([100.0])  # a rate well above 0
    else:
        vae.posterior.loc.kernel.assign(vae.posterior.loc.kernel / 10)
    assert evaluation.active_units(evaluation.codes(vae, bits)) < 12
    assert fit(vae, bits, tmp_path) == []


def test_what_it_cannot_write_does_not_stop_training(make_vae, bits, tmp_path, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(alarms.tf.summary, "text", full)
    vae = collapsed(make_vae(), slice(None))
    said = fit(vae, bits, tmp_path, epochs=EPOCHS + 1)
    assert [message.split(" (")[0] for message in said[1:]] == [f"Alarms drew nothing at epoch {EPOCHS}"]


def test_vectors_are_watched_too(make_vae, tmp_path, rng):
    x = rng.normal(size=(20, 5)).astype(np.float32)
    vae = collapsed(make_vae((5,), likelihood=likelihoods.Normal((5,))), slice(None))
    assert len(fit(vae, x, tmp_path)) == 1


def judged(vae, x, folder, epochs=EPOCHS, **options) -> list[str]:
    """What is said after epochs in which nothing is learned, but the rate is above 0."""
    watch = callbacks.Alarms(folder, x, **options)
    watch.set_model(vae)
    watch.on_train_begin()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for epoch in range(1, epochs + 1):
            watch.on_epoch_end(epoch - 1, {"loss": 1.0, "rate": 1.0})
    watch.on_train_end()
    return [str(warning.message) for warning in caught]


def test_rungs_that_are_not_used_are_named(make_structured, bits, tmp_path, read_events):
    vae = make_structured("ladder")  # whose posteriors start as the priors
    for rung in vae.latents.rungs[::2]:
        rung.posterior.shift.bias.assign(np.ones(rung.posterior.shift.bias.shape))
    assert judged(vae, bits, tmp_path / "short", epochs=EPOCHS - 1) == []
    (said,) = judged(vae, bits, tmp_path, epochs=EPOCHS + 1)
    assert said.startswith("1 of 3 rungs are not used: counted from the top, 2 cost less than 0.01 nats after epoch 5;")
    assert 'FreeBits(group="layer")' in said
    assert text(read_events(tmp_path / "alarms")["unused_rungs"]) == {EPOCHS: said}
    vae.latents.rungs[1].posterior.shift.bias.assign(np.ones(4))
    assert judged(vae, bits, tmp_path / "used") == []


@pytest.mark.parametrize("kind", ["vq", "fsq"])
def test_a_codebook_of_which_little_is_used_has_collapsed(make_structured, bits, tmp_path, read_events, kind):
    vae = make_structured(kind)
    assert judged(vae, bits, tmp_path / "fine", share=0.0) == []
    in_use = evaluation.code_usage(evaluation.codes(vae, bits), 6).in_use
    (said,) = judged(vae, bits, tmp_path, epochs=EPOCHS + 1, share=1.1)
    assert said.startswith(
        f"The codebook has collapsed: {in_use} of 6 codes are in use after epoch 5; take fewer codes"
    )
    assert text(read_events(tmp_path / "alarms")["codebook_collapse"]) == {EPOCHS: said}


def test_more_codes_than_places_are_no_collapse(make_structured, bits, tmp_path):
    assert judged(make_structured("vq"), bits[:1], tmp_path, share=0.2) == []  # 4 places, 6 codes
