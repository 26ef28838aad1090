"""What is no longer finite is said by `fit`, once."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from vae_tf import likelihoods


def said(vae, x, **options) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vae.fit(x, verbose=0, **options)
    return [str(warning.message) for warning in caught if "finite" in str(warning.message)]


def from_step(step: int) -> keras.optimizers.SGD:
    """Learns well, and from a step on with a rate that no model survives."""

    class Rate(keras.optimizers.schedules.LearningRateSchedule):
        def __call__(self, now):
            return tf.where(now < step, 0.01, 1e30)

    return keras.optimizers.SGD(Rate())


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"steps_per_execution": 3, "jit_compile": False}])
def test_a_loss_that_is_not_finite_is_told_once_in_each_fit(make_vae, binary, options):
    vae = make_vae()
    vae.compile(from_step(0), **options)
    (sentence,) = said(vae, binary, batch_size=10, epochs=3)
    assert sentence.startswith("In epoch 1, the loss is no longer finite: nothing is learned from there on; try a smal")
    assert len(said(vae, binary, epochs=1)) == 1


@pytest.mark.parametrize(("first", "advice"), [(0, "scale the data to values of"), (7, "try a smaller")])
def test_data_that_may_be_large_are_to_be_scaled_if_it_happens_at_once(make_vae, binary, first, advice):
    vae = make_vae(likelihood=likelihoods.Normal((6,)))
    vae.compile(from_step(first), run_eagerly=True)
    (sentence,) = said(vae, binary, batch_size=10, epochs=3)
    assert sentence.startswith(f"In epoch {1 if first == 0 else 2}, the ")
    assert f"is no longer finite: nothing is learned from there on; {advice}" in sentence


def test_a_last_step_that_ruins_the_weights_is_told(make_vae, binary):
    vae = make_vae()
    vae.compile(keras.optimizers.SGD(float("inf")), run_eagerly=True)
    (sentence,) = said(vae, binary, batch_size=50)
    assert sentence.startswith("In epoch 1, a weight is no longer finite")


def test_the_callbacks_of_a_list_that_is_kept_stay_its_own(make_vae, binary):
    vae = make_vae()
    vae.compile("sgd", steps_per_execution=2, jit_compile=False)
    kept = keras.callbacks.CallbackList([keras.callbacks.History()], model=vae)
    own = list(kept.callbacks)
    assert said(vae, binary, callbacks=kept) == []
    assert kept.callbacks == own
    vae.compile(from_step(0), steps_per_execution=2, jit_compile=False)
    assert len(said(vae, binary, batch_size=10, callbacks=kept)) == 1


def test_a_model_that_learns_is_left_alone(make_vae, binary):
    vae = make_vae()
    vae.compile("adam", run_eagerly=True)
    assert said(vae, binary, epochs=2, validation_data=(binary,)) == []
    assert all(np.isfinite(weight).all() for weight in vae.trainable_weights)
