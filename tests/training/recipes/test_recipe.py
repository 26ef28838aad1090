import dataclasses
import pathlib
import re

import hypothesis
import keras
import numpy as np
import pytest
import yaml
from hypothesis import strategies as st

from vae_tf import InputError, likelihoods, objectives, posteriors, priors, schedules, training
from vae_tf.training import networks
from vae_tf.training.recipes import recipe

# ----- presets


# The choices that a named model's papers make, where they are not the first of their axis.
PRESETS = {
    "annealed-vae": {},
    "autoencoder": {"posterior": "Deterministic", "objective": "Reconstruction"},
    "beta-tcvae": {"objective": "TotalCorrelation"},
    "beta-vae": {},
    "capacity-vae": {"objective": "Capacity"},
    "conditional-vae": {},
    "cyclical-vae": {},
    "digits": {},
    "dip-vae": {"objective": "DIP"},
    "dip-vae-i": {"objective": "DIP"},
    "dreg": {"objective": "ImportanceWeighted"},
    "free-bits": {"objective": "FreeBits"},
    "full-covariance": {"posterior": "FullCovarianceNormal"},
    "gmm-prior": {"prior": "MixtureOfNormals"},
    "iaf-vae": {"posterior": "InverseAutoregressiveFlow"},
    "infovae": {"objective": "MaximumMeanDiscrepancy"},
    "iwae": {"objective": "ImportanceWeighted"},
    "maf-prior": {"prior": "AutoregressiveFlow"},
    "notebook": {},
    "photo-patches": {"likelihood": "DiscretizedLogisticMixture"},
    "regularised-autoencoder": {"posterior": "Deterministic", "objective": "Reconstruction"},
    "s-vae": {"posterior": "PowerSpherical", "prior": "SphericalUniform"},
    "sigma-vae": {"likelihood": "Normal"},
    "two-layer-vae": {"prior": "Hierarchical"},
    "vae": {},
    "vampprior": {"prior": "VampPrior"},
    "wae-mmd": {"posterior": "Deterministic", "objective": "MaximumMeanDiscrepancy"},
}
FIRST = {"posterior": "DiagonalNormal", "prior": "StandardNormal", "likelihood": "Bernoulli", "objective": "ELBO"}


def test_the_presets():
    assert training.presets() == sorted(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_the_model_of_its_name(name):
    settings, decided = training.read(name)
    shape = (16, 16, 3) if settings.data == "photo-patches" else (28, 28, 1)
    vae = settings.build(shape, examples=100, labels=10)
    assert vae.latent_size == np.prod(settings.model.latent_size)
    labels = {"label": 1} if vae.conditions else {}
    assert vae.reconstruct(np.zeros((2, *shape)), **labels).shape == (2, *shape)
    assert set(decided) == {field.name for field in dataclasses.fields(training.Recipe)}
    assert {axis: type(getattr(vae, axis)).__name__ for axis in FIRST} == {**FIRST, **PRESETS[name]}
    assert [*vae.conditions] == (["label"] if name == "conditional-vae" else [])


def test_labels_that_are_the_condition_have_to_be_counted():
    settings, _ = training.read("conditional-vae")
    with pytest.raises(InputError, match=r"give build\(\) the number of labels"):
        settings.build((8, 8, 1))
    assert settings.build((8, 8, 1), labels=3).conditions["label"].count == 3


def test_presets_of_one_class_differ_in_what_their_papers_do():
    objective = {name: training.read(name)[0].build((8, 8, 1), 100, labels=10).objective for name in PRESETS}
    assert objective["beta-vae"].beta > 1
    assert isinstance(objective["annealed-vae"].beta, schedules.Linear)
    assert isinstance(objective["cyclical-vae"].beta, schedules.Cyclical)
    assert (objective["iwae"].gradient, objective["dreg"].gradient) == ("standard", "dreg")
    assert (objective["dip-vae-i"].variant, objective["dip-vae"].variant) == ("i", "ii")
    assert objective["wae-mmd"].beta is None
    assert 0 < objective["infovae"].beta < 1
    assert objective["regularised-autoencoder"].beta > 0


def test_the_total_correlation_takes_the_size_of_the_data():
    assert training.read("beta-tcvae")[0].build((8, 8, 1), examples=123).objective.examples == 123


def test_a_prior_for_afterwards_is_a_choice_of_its_own():
    overrides = ["--model.ex_post_prior", "MixtureOfNormals", "--model.ex_post_prior.components", "3"]
    settings, decided = training.read("autoencoder", overrides)
    prior = settings.model.ex_post_prior(4)
    assert (type(prior), prior.latent_size, prior.components) == (priors.MixtureOfNormals, 4, 3)
    assert decided["model"]["ex_post_prior"]["init_args"]["components"] == 3
    assert training.read("autoencoder")[1]["model"]["ex_post_prior"] is None


def test_the_notebook_is_what_the_project_starts_from():
    settings, _ = training.read("notebook")
    assert (settings.data, settings.validation, settings.binarization) == ("mnist", "test", "none")
    assert (settings.epochs, settings.batch_size, settings.initialization) == (22, 128, "fan_in_uniform")
    vae = settings.build((28, 28, 1))
    widths = [layer.units for layer in vae.encoder.layers + vae.decoder.layers if isinstance(layer, keras.layers.Dense)]
    assert (widths, vae.latent_size) == ([400, 400], 20)
    assert {layer.activation.__name__ for layer in vae.encoder.layers if hasattr(layer, "units")} == {"relu"}
    assert [type(part) for part in (vae.posterior, vae.prior, vae.likelihood, vae.objective)] == [
        posteriors.DiagonalNormal,
        priors.StandardNormal,
        likelihoods.Bernoulli,
        objectives.ELBO,
    ]
    assert (vae.objective.beta, vae.objective.kl, vae.objective.samples) == (1.0, "analytic", 1)
    optimizer = settings.optimizer()
    assert isinstance(optimizer, keras.optimizers.Adam)
    assert float(optimizer.learning_rate) == pytest.approx(1e-3)


def test_the_autoencoder_has_no_rate():
    vae = training.read("autoencoder")[0].build((8, 8, 1))
    assert isinstance(vae.posterior, posteriors.Deterministic)
    assert isinstance(vae.objective, objectives.Reconstruction)


def test_what_a_recipe_leaves_out_is_decided_by_the_defaults(tmp_path):
    (tmp_path / "short.yaml").write_text("epochs: 3")
    settings, decided = training.read(str(tmp_path / "short.yaml"))
    assert settings.epochs == 3
    default = training.Recipe()
    for name in ("data", "binarization", "validation", "batch_size", "seed", "initialization", "steps_per_execution"):
        assert getattr(settings, name) == getattr(default, name) == decided[name]
    assert decided["model"]["networks"]["init_args"] == {
        "hidden": [512, 256],
        "activation": "relu",
        "inputs": "auto",
    }
    assert decided["optimizer"]["init_args"]["learning_rate"] == 1e-3
    assert default.build((3,)).event_shape == (3,)


# ----- overrides


def test_any_setting_can_be_decided_otherwise(read_recipe):
    settings, decided = read_recipe(
        "--epochs=7",
        "--batch_size",
        "5",
        "--validation=test",
        "--binarization=static",
        "--seed=3",
        "--model.latent_size=4",
        "--model.networks.hidden=[9, 6]",
        "--model.networks.activation=tanh",
        "--model.posterior=DiagonalNormal",
        "--model.likelihood=Normal",
        "--model.likelihood.scale=0.5",
        "--model.objective.kl=monte_carlo",
        "--model.objective.beta=4",
        "--optimizer=SGD",
        "--optimizer.learning_rate=0.2",
    )
    assert (settings.epochs, settings.batch_size, settings.validation) == (7, 5, "test")
    assert (settings.binarization, settings.seed) == ("static", 3)
    vae = settings.build((3,))
    assert [layer.units for layer in vae.encoder.layers if hasattr(layer, "units")] == [9, 6]
    assert [layer.units for layer in vae.decoder.layers if hasattr(layer, "units")] == [6, 9]
    assert vae.encoder.layers[-1].activation is keras.activations.tanh
    assert (vae.latent_size, vae.seed) == (4, 3)
    assert isinstance(vae.likelihood, likelihoods.Normal)
    assert vae.likelihood.scale == 0.5
    assert (vae.objective.kl, vae.objective.beta) == ("monte_carlo", 4.0)
    optimizer = settings.optimizer()
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert float(optimizer.learning_rate) == pytest.approx(0.2)
    assert decided["optimizer"]["init_args"]["learning_rate"] == 0.2
    assert decided["model"]["networks"]["init_args"]["hidden"] == [9, 6]


@pytest.mark.parametrize("name", ["SGD", "AdamW", "RMSprop", "Lion", "Adadelta"])
def test_another_optimizer_starts_from_its_own_defaults(read_recipe, tmp_path, name):
    (tmp_path / "mine.yaml").write_text(f"optimizer: {name}")
    own = getattr(keras.optimizers, name)()
    for settings, decided in (read_recipe(f"--optimizer={name}"), training.read(str(tmp_path / "mine.yaml"))):
        assert unnamed(settings.optimizer()) == unnamed(own)
        assert decided["optimizer"]["init_args"]["learning_rate"] == pytest.approx(float(own.learning_rate))


def test_a_setting_is_taken_over_by_another_class_that_has_it(read_recipe):
    settings, _ = read_recipe("--optimizer.learning_rate=0.5", "--optimizer=SGD")
    assert float(settings.optimizer().learning_rate) == 0.5


def test_a_beta_can_be_a_schedule(read_recipe):
    overrides = ["--model.objective.beta=Linear", "--model.objective.beta.steps=50"]
    objective = read_recipe(*overrides)[0].build((3,)).objective
    assert isinstance(objective.beta, schedules.Linear)
    assert objective.beta.get_config() == {"start": 0.0, "end": 1.0, "steps": 50}


def test_networks_can_be_convolutions(read_recipe):
    overrides = ["--model.networks=Conv", "--model.networks.filters=[3]", "--model.networks.hidden=5"]
    vae = read_recipe(*overrides)[0].build((6, 6, 1))
    assert [type(layer).__name__ for layer in vae.encoder.layers] == ["InputLayer", "Conv2D", "Flatten", "Dense"]
    assert vae.encoder.layers[1].filters == 3


def test_networks_can_be_residual(read_recipe):
    overrides = ["--model.networks=ResNet", "--model.networks.filters=[3]", "--model.networks.blocks=2"]
    vae = read_recipe(*overrides)[0].build((6, 6, 1))
    assert [type(layer).__name__ for layer in vae.encoder.layers].count("Add") == 2


GRIDS = {  # what is chosen, the shape of the codes, and what the decoder takes
    "numbers": (["--model.latent_size=[4, 4, 2]"], (4, 4, 2), (4, 4, 2)),
    "codebook": (
        ["--model.latent_size=[4, 4]", "--model.posterior=VectorQuantized", "--model.prior=UniformCodes"],
        (4, 4),
        (4, 4, 64),
    ),
    "a list of one": (["--model.networks=MLP", "--model.latent_size=[3]"], (3,), (3,)),
    "vectors": (
        [
            "--model.networks=MLP",
            "--model.latent_size=[3]",
            "--model.posterior=FiniteScalarQuantized",
            "--model.posterior.levels=[3, 2]",
            "--model.prior=UniformCodes",
            "--model.prior.codes=6",
        ],
        (3,),
        (3, 2),
    ),
}


@pytest.mark.parametrize("name", GRIDS)
def test_codes_can_be_a_grid(read_recipe, name):
    overrides, codes, taken = GRIDS[name]
    settings, decided = read_recipe("--model.networks=Conv", "--model.networks.filters=[3]", *overrides)
    vae = settings.build((8, 8, 1))
    assert decided["model"]["latent_size"] == list(codes)
    assert (vae.posterior.space.shape, vae.prior.space.shape) == (codes, codes)
    assert vae.decoder.input_shape == (None, *taken)
    assert vae.reconstruct(np.zeros((2, 8, 8, 1))).shape == (2, 8, 8, 1)


LADDER = ["--model.networks=Ladder", "--model.networks.filters=4", "--model.networks.levels=[[1, 2, 1], [4, 1, 2]]"]


def test_networks_can_be_a_ladder_whose_rungs_have_what_else_is_chosen(images, tmp_path):
    (tmp_path / "mine.yaml").write_text(f"data: {images}")
    settings, decided = training.read(str(tmp_path / "mine.yaml"), LADDER)
    vae = settings.build((8, 8, 1))
    assert [rung.posterior.space.shape for rung in vae.latents.rungs] == [(1, 1, 2), (4, 4, 1), (4, 4, 1)]
    assert {name: decided["model"][name] for name in recipe.OF_ONE_LAYER} == dict.fromkeys(recipe.OF_ONE_LAYER)
    (tmp_path / "decided.yaml").write_text(yaml.safe_dump(decided))
    assert training.read(str(tmp_path / "decided.yaml"))[1] == decided
    other = training.read(str(tmp_path / "mine.yaml"), [*LADDER[:1], "--model.networks=MLP"])[1]["model"]
    assert (other["latent_size"], other["prior"]["class_path"]) == (16, "vae_tf.priors.StandardNormal")


def test_each_model_that_is_built_has_its_own_parts(read_recipe):
    settings, _ = read_recipe()
    one, other = settings.build((3,)), settings.build((3,))
    for part in ("posterior", "prior", "likelihood", "objective", "encoder"):
        assert getattr(one, part) is not getattr(other, part)
    assert settings.optimizer() is not settings.optimizer()


# ----- what is refused


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--epoch=3"], "there is no key 'epoch' (did you mean 'epochs'?)."),
        (["--batchsize", "3"], "there is no key 'batchsize' (did you mean 'batch_size'?)."),
        (["--model.latentsize=3"], "there is no key 'model.latentsize' (did you mean 'model.latent_size'?)."),
        (["--zzz=3"], "there is no key 'zzz'."),
        (["--learning_rate=3e-4"], "there is no key 'learning_rate' (did you mean 'optimizer.learning_rate'?)."),
        (["--beta=4"], "there is no key 'beta' (did you mean 'model.objective.beta' or 'optimizer.beta'?)."),
        (["--latent_size=4"], "there is no key 'latent_size' (did you mean 'model.latent_size'?)."),
        (["epochs=3"], "epochs stands without dashes: write --epochs and its value."),
        (["--epochs"], "epochs got nothing: give a value after it."),
        (["--model=3"], "model is a word: give its keys, such as model.latent_size."),
        (["--model.objective.bet=3"], "there is no key 'bet' in model.objective (did you mean 'beta'?)."),
        (["--optimizer.learning_rat=3"], "no key 'learning_rat' in optimizer (did you mean 'learning_rate'?)."),
        (["--model.networks.hiden=[3]"], "there is no key 'hiden' in model.networks (did you mean 'hidden'?)."),
        (
            ["--model.posterior=DiagonalNorma"],
            "model.posterior got 'DiagonalNorma' (did you mean 'DiagonalNormal'?): give one of Deterministic, Diag",
        ),
        (["--model.prior=Vamp"], "model.prior got 'Vamp' (did you mean 'VampPrior'?): give one of "),
        (["--model.prior=Flow"], "model.prior got 'Flow': give one of AutoregressiveFlow, "),
        (["--model.likelihood=Poisson"], "Laplace, NegativeBinomial, Normal."),  # no base that they share
        (["--model.likelihood=Bernouli"], "model.likelihood got 'Bernouli' (did you mean 'Bernoulli'?): give one of B"),
        (["--model.objective=Elbo"], "model.objective got 'Elbo'"),
        (["--model.networks=CNN"], "model.networks got 'CNN': give one of Conv, "),
        (["--optimizer=Adan"], "optimizer got 'Adan' (did you mean 'Adam'?): give one of Adadelta, "),
        (["--epochs=many"], "epochs got 'many': give a whole number."),
        (["--epochs=2.5"], "epochs got '2.5': give "),
        (["--validation=tset"], "validation got 'tset': give a number or test."),
        (["--binarization=sometimes"], "binarization got 'sometimes': give none or static or dynamic."),
        (["--initialization=zeros"], "initialization got 'zeros': give "),
        (["--jit_compile=perhaps"], "jit_compile got 'perhaps': give true or false or null."),
        (["--model.latent_size=two"], "model.latent_size got 'two': give a whole number or a list, such as [512, 256]"),
        (["--model.latent_size=[7, a]"], "model.latent_size got 'a': give a whole number or null."),
        (["--model.latent_size=null"], "model.latent_size is null, as for a ladder: give a value, or leave it out."),
        (["--model.posterior=null"], "model.posterior is null, as for a ladder: give a value, or leave it out."),
        (
            ["--model.networks=Ladder"],
            "model.latent_size is given, and each rung of the Ladder has a size, a posterior and a prior of its own: "
            "leave it out, or give null.",
        ),
        *(
            (["--model.networks=Ladder", "--model.latent_size=null", f"--model.{name}"], f"model.{name[:4]}")
            for name in ("posterior=DiagonalNormal", "prior=StandardNormal", "ex_post_prior=MixtureOfNormals")
        ),
        (
            ["--model.networks=Ladder", "--model.networks.levels=[[1, 16, 2], [7, 4]]"],
            "model.networks.levels got '[7, 4]': give a list of 3 numbers.",
        ),
        (["--model.networks=Ladder", "--model.networks.levels=3"], "model.networks.levels got '3': give a list"),
        (["--model.networks.hidden=wide"], "model.networks.hidden got 'wide': give a list, such as [512, 256]."),
        (["--model.networks.hidden=5,6"], "hidden is '5,6': give a number, a word, or a list such as '[512, 256]'."),
        (["--model.objective.beta=x"], "model.objective.beta got 'x': give a number, or one of Cyclical, Linear."),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_a_recipe_does_not_know_is_refused_in_one_sentence_with_the_nearest(read_recipe, overrides, message):
    with pytest.raises(InputError, match=re.escape(message)) as error:
        read_recipe(*overrides)
    assert str(error.value).startswith("The recipe '")
    assert "small.yaml' cannot be used: " in str(error.value)
    assert "\n" not in str(error.value)


def test_a_key_of_another_class_is_not_its_own_nearest():
    with pytest.raises(InputError, match=r"there is no key 'gamma' in model\.objective") as error:
        training.read("autoencoder", ["--model.objective.gamma=2"])
    assert "did you mean 'gamma'" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch: 3", "there is no key 'epoch' (did you mean 'epochs'?)."),
        ("model: {latentsize: 3}", "no key 'latentsize' (did you mean 'model.latent_size'?)."),
        ("model: {prior: {class_path: StandardNorm}}", "(did you mean 'StandardNormal'?)"),
        ("model: {objective: {class_path: ELBO, init_args: {bet: 3}}}", "(did you mean 'beta'?)"),
        ("epochs: many", "epochs got 'many'"),
    ],
)
def test_the_same_in_a_file(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        training.read(str(path))
    assert "mine.yaml' cannot be used: " in str(error.value)


@pytest.mark.parametrize("text", ["", "just words", "- epochs", "3", "model: [1, 2]", "model: words"])
def test_a_file_that_holds_no_settings_is_refused(tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError, match=r"mine\.yaml is not a list of settings: write lines such as `epochs: 20`"):
        training.read(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize("content", [b"a: [1", b"\tepochs: 3", b"epochs: 3: 4", b"\xff\xfe\x00", b"PK\x03\x04\x00"])
def test_a_file_that_is_not_yaml_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"The recipe .*mine\.yaml is not YAML: ") as error:
        training.read(str(tmp_path / "mine.yaml"))
    assert "\n" not in str(error.value)


def test_a_recipe_that_is_not_there_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(
        InputError, match=r"There is no recipe 'digit' \(did you mean 'digits'\?\): give one of annealed"
    ):
        training.read("digit")
    with pytest.raises(InputError, match=r"There is no recipe '/.*': give one of annealed-vae, .*, wae-mmd, or a"):
        training.read(str(tmp_path))


@pytest.mark.parametrize(
    "override",
    ["epochs=0", "epochs=-1", "batch_size=0", "seed=-1", "seed=4294967296", "seed=3000000000", "steps_per_execution=0"],
)
def test_numbers_that_no_run_can_have_are_refused(read_recipe, override):
    name, _, value = override.partition("=")
    with pytest.raises(InputError, match=rf"{name} is {value}: give "):
        read_recipe(f"--{override}")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["--model.latent_size=0"], "latent_size"),
        (["--model.networks.hidden=[]"], "hidden"),
        (["--model.networks=Conv"], "mlp"),
        (["--model.networks=ResNet"], "resnet got event_shape=(5,): give (height, width, channels), or use mlp"),
        (
            ["--model.prior", "MixtureOfNormals", "--model.prior.components", "0"],
            "MixtureOfNormals got components=0: give a whole number of at least 1.",
        ),
        (["--model.objective=TotalCorrelation"], "TotalCorrelation got no examples: give the size of the data set"),
        (["--model.objective.beta=-1"], "beta=-1.0: give a number of at least 0"),
        (["--model.objective.beta=Linear", "--model.objective.beta.steps=0"], "steps=0: give at least 1 step"),
        (["--model.posterior=Deterministic"], "has no density"),
        (["--model.likelihood=Normal", "--model.likelihood.scale=-1"], "scale=-1.0: give a number above 0"),
        (["--model.latent_size=[7, 0]"], "DiagonalNormal got latent_size=(7, 0): give whole numbers of at least 1."),
        (["--model.latent_size=[]"], "DiagonalNormal got latent_size=(): give whole numbers of at least 1."),
        (
            ["--model.posterior=VectorQuantized"],
            "model.latent_size is 2, and the codes of VectorQuantized are numbers of vectors: give a list, [2], or ",
        ),
        (
            ["--model.latent_size=[2]", "--model.posterior=VectorQuantized"],
            "VectorQuantized lie on whole numbers, where StandardNormal has no density: use priors.UniformCodes",
        ),
        (
            [
                "--model.latent_size=[2]",
                "--model.posterior=FiniteScalarQuantized",
                "--model.posterior.levels=[8, 5]",
                "--model.prior=UniformCodes",
            ],
            "FiniteScalarQuantized has 40 codes and UniformCodes has 512: make them equal.",
        ),
        (
            ["--model.posterior=FiniteScalarQuantized", "--model.posterior.levels=[2, 8388609]"],
            "which make 16,777,218 codes: give at least 2 levels for each, and at most 2^24 = 16,777,216 codes in all.",
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_parts_that_cannot_be_built_are_refused(read_recipe, overrides, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_recipe(*overrides)[0].build((5,))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["--model.networks.levels=[[1, 2, 1], [3, 1, 2]]"],
            "The resolutions of the ladder do not meet: 8 is no multiple of 3, which is above it",
        ),
        (["--model.networks.levels=[[1, 2, 0]]"], "level=(1, 2, 0): give whole numbers of at least 1."),
        (["--model.condition=label"], "Ladder got the condition label, on which the prior of each rung would have to "),
        (["--model.objective=DIP"], "DIP is of one stochastic layer, and the ladder has 3: use objectives.ELBO"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_ladders_that_cannot_be_built_are_refused(overrides, message):
    with pytest.raises(InputError, match=re.escape(message)):
        training.read("vae", [*LADDER, *overrides])[0].build((8, 8, 1), labels=3)


@pytest.mark.parametrize("codes", [[], ["--model.posterior=VectorQuantized", "--model.prior=UniformCodes"]])
def test_a_grid_that_does_not_meet_the_smallest_features_is_refused_with_both(read_recipe, codes):
    settings, _ = read_recipe("--model.networks=Conv", "--model.latent_size=[4, 4]", *codes)
    grid = re.escape("(4, 4, 64)" if codes else "(4, 4)")
    with pytest.raises(InputError, match=rf"a grid {grid}, and the smallest features of the network are 2 x 2: give"):
        settings.build((8, 8, 1))


# ----- what was decided


@pytest.mark.parametrize(
    ("source", "overrides"),
    [
        *((name, []) for name in training.presets()),
        ("digits", ["--model.objective.beta=Cyclical", "--model.objective.beta.period=9", "--model.networks=Conv"]),
        ("notebook", ["--model.likelihood=Normal", "--model.likelihood.scale=predicted", "--optimizer=AdamW"]),
        ("small", ["--model.posterior=Deterministic", "--model.objective=Reconstruction", "--optimizer.clipnorm=1.5"]),
        ("small", ["--validation=test", "--model.networks.hidden=[3]", "--jit_compile=null"]),
    ],
)
def test_what_was_decided_is_read_back_as_it_was(read_recipe, tmp_path, source, overrides):
    settings, decided = read_recipe(*overrides) if source == "small" else training.read(source, overrides)
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(decided, sort_keys=False))
    again, decided_again = training.read(str(path))
    assert decided_again == decided
    assert list(recipe.differences(decided, decided_again)) == []
    one, other = (chosen.build((6, 6, 1), examples=100, labels=10) for chosen in (settings, again))
    for part in ("posterior", "prior", "likelihood", "objective"):
        assert unnamed(getattr(one, part)) == unnamed(getattr(other, part))
    for layer, same in zip(
        one.encoder.layers + one.decoder.layers, other.encoder.layers + other.decoder.layers, strict=True
    ):
        assert unnamed(layer) == unnamed(same)
    for weight, same in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
    assert unnamed(settings.optimizer()) == unnamed(again.optimizer())


def unnamed(part) -> tuple[type, str]:
    """A part's class and configuration, without its name, and without the numbers that Keras counts up in names."""
    config = {key: value for key, value in part.get_config().items() if key != "name"}
    return type(part), re.sub(r"'(\w+?)_\d+'", r"'\1'", str(config))


def test_differences_are_dotted_keys():
    one = {"epochs": 2, "model": {"latent_size": 2, "prior": {"class_path": "A", "init_args": {"k": 1}}}, "old": 1}
    other = {"epochs": 2, "model": {"latent_size": 3, "prior": {"class_path": "B", "init_args": {"k": 1}}}, "new": [1]}
    expected = ["model.latent_size", "model.prior.class_path", "old", "new"]
    assert list(recipe.differences(one, other)) == expected
    assert sorted(recipe.differences(other, one)) == sorted(expected)
    assert list(recipe.differences({"model": "A"}, {"model": {"class_path": "A"}})) == ["model"]


trees = st.recursive(
    st.integers(0, 2) | st.none(),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@hypothesis.given(st.dictionaries(st.sampled_from("abc"), trees), st.dictionaries(st.sampled_from("abc"), trees))
def test_recipes_without_differences_are_equal(one, other):
    assert list(recipe.differences(one, one)) == []
    if not list(recipe.differences(one, other)):
        assert pruned(one) == pruned(other)


def pruned(tree):
    """A tree without its Nones: a key that is not there and one that is None are the same."""
    if not isinstance(tree, dict):
        return tree
    return {key: pruned(value) for key, value in tree.items() if value is not None and pruned(value) != {}}


# ----- building


def test_the_seed_decides_the_weights():
    def weights(seed):
        settings = training.Recipe(seed=seed, model=recipe.Model(networks=lambda: networks.MLP((4,)), latent_size=2))
        return settings.build((3,)).get_weights()

    for one, other in zip(weights(1), weights(1), strict=True):
        np.testing.assert_array_equal(one, other)
    assert any(not np.array_equal(one, other) for one, other in zip(weights(1), weights(2), strict=True))


def test_networks_that_the_machine_could_not_train_are_refused_before_memory_is_taken(read_recipe):
    settings, _ = read_recipe("--model.networks.hidden=[1000000000]")
    with pytest.raises(
        InputError, match=r"weights of more than [\d,]+ bytes, and this machine's memory could not train"
    ):
        settings.build((28, 28, 1))


@pytest.mark.parametrize("initialization", ["default", "fan_in_uniform"])
def test_weights_start_where_the_recipe_says(read_recipe, initialization):
    vae = read_recipe(f"--initialization={initialization}", "--model.networks.hidden=[64]")[0].build((100,))
    kernel, bias = (weight.numpy() for weight in vae.encoder.weights)
    limit = {"default": np.sqrt(6 / 164), "fan_in_uniform": 1 / np.sqrt(100)}[initialization]
    assert 0.95 * limit < np.abs(kernel).max() <= limit
    assert (np.abs(bias).max() > 0) == (initialization == "fan_in_uniform")


def test_presets_lie_beside_the_module():
    assert sorted(path.stem for path in pathlib.Path(recipe.__file__).parent.glob("*.yaml")) == training.presets()
