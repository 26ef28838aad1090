import pathlib
import re

import yaml

from vae_tf import likelihoods, objectives, posteriors, priors, training
from vae_tf.training import networks
from vae_tf.training.recipes.reference import reference

PAGE = pathlib.Path(__file__).parents[3] / "docs" / "recipes.md"


def test_every_key_of_a_decided_recipe_is_there():
    there = {key.name.partition(" ")[0] for key in reference()}
    assert {"data", "epochs", "model.latent_size", "model.networks.hidden", "model.likelihood.scale"} <= there
    for name in training.presets():
        decided = training.read(name)[1]
        keys = [*decided, *(f"model.{key}" for key in decided["model"])]
        for axis, value in decided["model"].items():
            if isinstance(value, dict) and axis != "ex_post_prior":
                keys += [f"model.{axis}.{key}" for key in value["init_args"] if key not in ("name", "projection")]
        keys.remove("model")
        assert not set(keys) - there


def test_a_key_says_what_it_takes_in_words():
    keys = {key.name: key for key in reference()}
    assert keys["validation"].takes == "a number or test"
    assert keys["model.networks.hidden (MLP)"][1:3] == ("a list, such as [512, 256]", "[512, 256]")
    assert (keys["seed"].default, keys["jit_compile"].default) == ("0", "null")
    assert keys["model.objective.beta (ELBO)"].takes == "a number or a schedule"
    leaks = re.compile(r"typing|Callable|<class|vae_tf\.schedules|NoneType|keras\.src")
    for key in keys.values():
        assert key.takes
        assert key.default
        assert not leaks.search(key.takes + key.default), key


def test_the_page_has_every_key():
    page = PAGE.read_text(encoding="utf-8")
    rooms = (likelihoods, networks, objectives, posteriors, priors)
    library = {name for room in rooms for name in vars(room)}
    for key in reference():
        cls = re.search(r"\((\w+)\)", key.name)
        if cls is None or cls[1] in library:
            assert f"| `{key.name}` |" in page, f"{key.name} is not in docs/recipes.md"


def test_the_example_of_the_page_is_a_recipe(tmp_path):
    (example,) = re.findall(r"```yaml\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "example.yaml").write_text(example)
    settings, _ = training.read(str(tmp_path / "example.yaml"))
    assert settings.epochs == yaml.safe_load(example)["epochs"]
    assert settings.model.objective().beta.steps == 1000
    assert float(settings.optimizer().learning_rate) > 0
