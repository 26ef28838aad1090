"""What a model was built with stays: a compiled step would not see another value, which would be saved."""

import keras
import pytest

from vae_tf import InputError, likelihoods, objectives, priors, schedules

OBJECTIVES = {
    "ELBO": (objectives.ELBO, {"beta": 2.0, "samples": 3, "kl": "monte_carlo"}),
    "Capacity": (objectives.Capacity, {"gamma": 2.0, "capacity": 3.0}),
    "DIP": (objectives.DIP, {"variant": "i", "off_diagonal": 1.0, "diagonal": 1.0}),
    "FreeBits": (objectives.FreeBits, {"free": 1.0}),
    "ImportanceWeighted": (objectives.ImportanceWeighted, {"samples": 7, "gradient": "dreg"}),
    "MaximumMeanDiscrepancy": (objectives.MaximumMeanDiscrepancy, {"weight": 1.0, "beta": 1.0}),
    "TotalCorrelation": (lambda: objectives.TotalCorrelation(examples=50), {"beta": 1.0, "examples": 60}),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_arguments_of_an_objective_stay_from_the_time_a_model_is_built(make_vae, name):
    make, others = OBJECTIVES[name]
    objective = make()
    for argument, value in others.items():
        setattr(objective, argument, value)  # before, it is anybody's
    objective = make()
    vae = make_vae(objective=objective)
    config = objective.get_config()
    for argument, value in others.items():
        with pytest.raises(InputError, match=rf"{name}.{argument} was set to .* give it a schedule of the step"):
            setattr(vae.objective, argument, value)
    assert objective.get_config() == config


def test_a_callback_that_sets_beta_is_told(make_vae, binary):
    vae = make_vae()
    vae.compile("sgd", run_eagerly=True)

    class Beta(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.objective.beta = float(epoch)

    with pytest.raises(InputError, match=r"ELBO.beta was set to 0.0 after .* go on with 1.0: .*, give it a schedule"):
        vae.fit(binary, callbacks=[Beta()], verbose=0)


def test_schedules_axes_and_the_model_stay_too(make_vae, tmp_path):
    vae = make_vae(
        objective=objectives.ELBO(schedules.Linear(0, 1, 4)),
        likelihood=likelihoods.Normal((6,), scale=0.5),
        prior=priors.MixtureOfNormals(2, components=3),
    )
    vae.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for model in (vae, loaded):
        for owner, argument, value in (
            (model.objective.beta, "end", 2),
            (model.likelihood, "scale", 1.0),
            (model.prior, "components", 5),
            (model.posterior, "latent_size", 5),
            (model, "seed", 3),
            (model, "objective", objectives.ELBO()),
            (model, "prior", priors.StandardNormal(2)),
            (model, "encoder", model.decoder),
        ):
            with pytest.raises(InputError, match=f"{argument} was set to"):
                setattr(owner, argument, value)
        model.prior.trainable = False
        model.encoder.trainable = False
