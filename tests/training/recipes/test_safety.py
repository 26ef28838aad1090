"""A recipe may come from a stranger: it names classes that are loaded, and runs nothing."""

import itertools
import json
import pathlib
import re
import sys
import time
from collections.abc import Iterator

import hypothesis
import keras
import pytest
import yaml
from hypothesis import strategies as st

from vae_tf import InputError, posteriors, training

SHELL = {"class_path": "subprocess.Popen", "init_args": {"args": "touch pwned", "shell": True}}


class Watch:
    """What the process does while it is on: imports of what was not loaded, processes, files opened for writing."""

    def __init__(self):
        self.is_on, self.seen = False, []
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple) -> None:
        if not self.is_on:
            return
        if event == "import" and self._is_foreign(arguments[0]):
            self.seen.append(f"imports {arguments[0]}")
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"):
            self.seen.append(f"{event} {arguments}")
        elif event == "open" and isinstance(arguments[1], str) and set("wax+") & set(arguments[1]):
            self.seen.append(f"opens {arguments[0]} for writing")

    @staticmethod
    def _is_foreign(module: str) -> bool:
        return module not in sys.modules and module.partition(".")[0] not in ("vae_tf", "keras", *WARM)


WARM: set[str] = set()  # what the parser itself brings on its first calls
watch = Watch()


@pytest.fixture(scope="module", autouse=True)
def package_of_a_stranger(tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "stranger.py").write_text(
        "import pathlib\n"
        "from vae_tf.posteriors import DiagonalNormal\n"
        "pathlib.Path(__file__).with_name('imported').touch()\n"
        "class Theirs(DiagonalNormal): pass\n"
        "def make(*_, **__): return Theirs(2)\n"
    )
    for name in training.presets():
        training.read(name)
    WARM.update(name.partition(".")[0] for name in sys.modules)
    sys.path.insert(0, str(folder))
    yield str(folder)
    sys.path.remove(str(folder))
    sys.modules.pop("stranger", None)


def read(folder: pathlib.Path, settings: dict, words=()):
    path = folder / "theirs.yaml"
    path.write_text(yaml.safe_dump(settings))
    return training.read(str(path), words)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": {"class_path": "Adam", "init_args": {"name": SHELL}}},
        {"optimizer": {"init_args": {"name": SHELL}}},
        {"optimizer": {"class_path": "Adam", "init_args": {"name": json.dumps(SHELL)}}},
        {"optimizer": {"class_path": "Adam", "init_args": {"name": json.dumps(SHELL).replace("class", "\\u0063lass")}}},
        {"optimizer": {"class_path": "Adam", "init_args": {"name": [SHELL]}}},
        {"optimizer": {"class_path": "Adam", "init_args": {"learning_rate": SHELL}}},
        {"optimizer": {"class_path": "Adam", "dict_kwargs": {"name": SHELL}}},
        {"optimizer.name.class_path": "subprocess.Popen", "optimizer.name.args": "touch pwned"},
        {"optimizer.init_args.name": SHELL},
        {"optimizer": SHELL},
        {"optimizer": "subprocess.Popen"},
        {"optimizer": {"class_path": "stranger.Theirs"}},
        {"model": {"networks": "stranger.make"}},
        {"model.networks": "stranger.make"},
        {"model": json.dumps({"networks": "stranger.make"})},
        {"model": {"posterior": "stranger.make"}},
        {"model": {"posterior": "vae_tf.stranger.Theirs"}},
        {"model": {"posterior": {"class_path": "DiagonalNormal", "init_args": {"spread": SHELL}}}},
        {"model": {"networks": {"class_path": "MLP", "init_args": {"activation": "stranger.make"}}}},
        {"model": {"networks": {"class_path": "MLP", "init_args": {"hidden": [SHELL]}}}},
        {"model": {"objective": {"class_path": "ELBO", "init_args": {"beta": "stranger.make"}}}},
        {"model": {"objective": {"class_path": "ELBO", "init_args": {"beta": SHELL}}}},
        {"model": {"latent_size": SHELL}},
        {"epochs": {"class_path": "stranger.make"}},
        {"config": "other.yaml"},
        {"optimizer": None},
        {"optimizer": "LossScaleOptimizer"},
        {"optimizer": {"class_path": "MultiOptimizer", "init_args": {"optimizers": []}}},
        {"model": {"networks": None}},
        {"model.posterior": "null"},
        {"model": {"networks": {"class_path": "MLP", "init_args": {"hidden": "[&a [1, 2], *a]"}}}},
        {"optimizer": "{class_path: &a Adam, init_args: {name: *a}}"},
        {"model": {"latent_size": 2**64}},
        {"epochs": -(2**70)},
        {"optimizer": {"class_path": "SGD", "init_args": {"learning_rate": {"class_path": "CosineDecay"}}}},
    ],
    ids=str,
)
def test_what_is_no_class_of_the_library_is_refused_before_it_is_imported(
    tmp_path, monkeypatch, package_of_a_stranger, settings
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "theirs.yaml"
    path.write_text(yaml.safe_dump(settings))
    words = [f"--{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items()]
    for read_it in (lambda: training.read(str(path)), lambda: training.read("digits", words)):
        with pytest.raises(InputError) as error:
            read_it()
        assert "\n" not in str(error.value)
    assert "stranger" not in sys.modules
    assert not (pathlib.Path(package_of_a_stranger) / "imported").exists()
    assert not (tmp_path / "pwned").exists()


NAMES = [
    "subprocess.Popen",
    "os.system",
    "stranger.Theirs",
    "stranger.make",
    "Adam",
    "VampPrior",
    "Linear",
    "builtins.open",
]
words = st.sampled_from(
    [
        *NAMES,
        "theirs.yaml",
        "[&a [1], *a]",
        "59:59:59",
        "touch pwned",
        "pwned",
        "w",
        "relu",
        "1",
        "stranger",
        "null",
        "{}",
        "",
    ]
)
keys = st.sampled_from(
    [
        "class_path",
        "init_args",
        "dict_kwargs",
        "args",
        "shell",
        "name",
        "learning_rate",
        "beta",
        "hidden",
        "file",
        "mode",
    ]
)
values = st.recursive(
    words | st.integers(-2, 2) | st.just(2**80) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(keys, inner, max_size=3)
        | st.builds(lambda name, arguments: {"class_path": name, "init_args": arguments}, words, inner)
        | inner.map(json.dumps)
        | inner.map(yaml.safe_dump)
    ),
    max_leaves=6,
)
places = st.sampled_from(
    [
        *(f"model.{axis}" for axis in ("networks", "posterior", "prior", "likelihood", "objective", "ex_post_prior")),
        *("model", "model.latent_size", "model.objective.beta", "model.networks.init_args.hidden", "optimizer"),
        *("optimizer.name", "optimizer.init_args.learning_rate", "optimizer.init_args", "data", "validation", "epochs"),
        *("config", "print_config", "model.prior.help", "optimizer.class_path", "model.networks+"),
    ]
)


@hypothesis.settings(
    max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
)
@hypothesis.given(settings=st.dictionaries(places, values, min_size=1, max_size=3), as_words=st.booleans())
def test_no_value_of_any_key_imports_runs_or_writes(tmp_path_factory, settings, as_words):
    folder = tmp_path_factory.getbasetemp()
    path = folder / "theirs.yaml"
    path.write_text("epochs: 1" if as_words else yaml.safe_dump(settings))
    given = [f"--{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in settings.items()]
    watch.seen.clear()
    watch.is_on = True
    try:
        training.read(str(path), given if as_words else ())
    except InputError:
        pass
    finally:
        watch.is_on = False
    assert watch.seen == []


def test_a_text_that_repeats_itself_takes_no_time(tmp_path):
    bomb = (
        "[&a [1, 1, 1, 1, 1, 1, 1, 1, 1], "
        + ", ".join(f"&{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in itertools.pairwise("abcdefghijk"))
        + "]"
    )
    begun = time.perf_counter()
    with pytest.raises(InputError, match=r"model\.networks\.hidden is "):
        read(tmp_path, {"model": {"networks": {"class_path": "MLP", "init_args": {"hidden": bomb}}}})
    assert time.perf_counter() - begun < 5


def test_the_watch_sees_what_it_is_there_for(tmp_path):
    watch.seen.clear()
    watch.is_on = True
    try:
        with pytest.raises(ModuleNotFoundError):
            __import__("not_there")
        (tmp_path / "file").write_text("x")
        pathlib.os.system("true")
    finally:
        watch.is_on = False
    assert [what.split()[0] for what in watch.seen] == ["imports", "opens", "os.system"]


# ----- what stays possible


@pytest.mark.parametrize("name", ["ELBO", "vae_tf.objectives.ELBO", "vae_tf.objectives.elbo.ELBO"])
def test_a_class_of_the_library_has_several_names(tmp_path, name):
    settings, _ = read(tmp_path, {"model": {"objective": {"class_path": name, "init_args": {"beta": 3.0}}}})
    assert settings.model.objective().beta == 3.0


def test_an_optimizer_takes_a_schedule_of_keras(tmp_path):
    schedule = {
        "class_path": "keras.optimizers.schedules.CosineDecay",
        "init_args": {"initial_learning_rate": 0.1, "decay_steps": 10},
    }
    settings, decided = read(tmp_path, {"optimizer": {"class_path": "SGD", "init_args": {"learning_rate": schedule}}})
    optimizer = settings.optimizer()
    optimizer.iterations.assign(5)
    assert float(optimizer.learning_rate) == pytest.approx(0.05)
    again, decided_again = read(tmp_path, decided)
    assert decided_again == decided
    assert again.optimizer().get_config()["learning_rate"] == optimizer.get_config()["learning_rate"]


def test_a_class_of_ones_own_is_known_once_its_package_is_imported(tmp_path, monkeypatch):
    (tmp_path / "my_posteriors.py").write_text(
        "from vae_tf.posteriors import DiagonalNormal\nclass OfMine(DiagonalNormal): pass\n"
    )
    settings = {"model": {"posterior": "my_posteriors.OfMine"}}
    with pytest.raises(InputError, match=r"model\.posterior got 'my_posteriors\.OfMine': give one of .*--trust"):
        read(tmp_path, settings)
    monkeypatch.syspath_prepend(tmp_path)
    import my_posteriors

    posterior = read(tmp_path, settings)[0].model.posterior(3)
    assert isinstance(posterior, my_posteriors.OfMine)
    assert isinstance(posterior, posteriors.DiagonalNormal)


# ----- other files of a stranger


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" + "&a [1], " + "*a, " * 9 + "]", "it has an alias"),
        ("a: &a [1]\nmodel: {networks: *a}", "it has an alias, such as *name: write the value out"),
        ("epochs: 3\n# " + "x" * 2**16, "bytes: give at most 65,536"),
        ("model: {latent_size: " + "59:" * 20_000 + "59}", "latent_size has more digits than any number that is meant"),
        ("seed: " + "59:" * 20_000 + "59", "seed has more digits than any number that is meant"),
        ("model: {likelihood: Categorical}", "model.likelihood needs categories: give it too, such as --model.likel"),
        ("model: " + "[" * 3000 + "]" * 3000, "is not YAML"),
        ("optimizer: " + "{a: " * 30 + "1" + "}" * 30, "in more than 20 levels: give a plain value"),
        ("data: !!python/object/apply:os.system ['touch pwned']", "is not YAML"),
        ("optimizer: {class_path: Adam, init_args: {learning_rate: text}}", "learning_rate got 'text': give a number"),
        ("optimizer: {class_path: Adam, init_args: {clipnorm: text}}", "optimizer.clipnorm got 'text': give a number"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(tmp_path, content, message):
    (tmp_path / "theirs.yaml").write_text(content)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        training.read(str(tmp_path / "theirs.yaml"))
    assert "\n" not in str(error.value)


def test_arguments_of_a_schedule_at_the_command_line_are_refused_with_what_works():
    with pytest.raises(
        InputError, match=r"give the schedule as a whole, --optimizer\.learning_rate='\{class_path: keras"
    ):
        training.read("digits", ["--optimizer.learning_rate=CosineDecay", "--optimizer.learning_rate.decay_steps=9"])
    schedule = (
        "{class_path: keras.optimizers.schedules.CosineDecay, init_args: {initial_learning_rate: 0.1, decay_steps: 9}}"
    )
    settings, _ = training.read("digits", [f"--optimizer.learning_rate={schedule}"])
    assert isinstance(settings.optimizer()._learning_rate, keras.optimizers.schedules.CosineDecay)
