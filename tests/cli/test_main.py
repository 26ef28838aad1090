import time

import pytest

from vae_tf.errors import DivergenceError, InputError
from vae_tf_cli import evaluate, main

COMMANDS = (
    "recipes", "recipe", "train", "evaluate", "score", "encode", "reconstruct", "sample", "draw", "watch", "export",
    "check", "serve",
)  # fmt: skip
HEAVY = ("tensorflow", "keras", "tensorflow_probability", "numpy", "tensorboard", "matplotlib", "vae_tf")


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_help_is_instant_and_imports_nothing_heavy(process, words):
    answer = process(*words, "--help", flags=["-X", "importtime"])
    assert answer.returncode == 0
    assert answer.stdout.startswith(f"usage: {' '.join(('vae-tf', *words))} [-h]")
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in answer.stderr.splitlines()}
    assert "argparse" in imported
    assert not imported & set(HEAVY)

    def seconds() -> float:
        start = time.perf_counter()
        assert process(*words, "--help").returncode == 0
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.5


def test_help_lists_every_command_with_what_it_does(capsys):
    with pytest.raises(SystemExit) as end:
        main.main(["--help"])
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert tuple(main.COMMANDS) == COMMANDS
    listed = {line.split()[0] for line in printed.splitlines() if line.startswith("    ") and line.strip()}
    assert set(COMMANDS) <= listed
    assert evaluate.HELP in " ".join(printed.split())


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["trian"],
        ["evaluate"],
        ["evaluate", "run", "--sample-count", "3"],
        ["evaluate", "run", "--samples", "many"],
        ["draw", "run", "--what", "sampels", "--out", "x.png"],
        ["draw", "run", "--out", "x.png"],
        ["draw", "run", "--what", "samples"],
        ["score", "run", "--out", "x.csv"],
        ["score", "run", "--data", "x.npy"],
        ["encode", "run", "--data", "x.npy"],
        ["reconstruct", "run", "--data", "x.npy"],
        ["sample", "run"],
        ["sample", "run", "--out", "x.npy", "--count", "0"],
        ["sample", "run", "--out", "x.npy", "--seed", "2147483648"],
        ["sample", "run", "--out", "x.npy", "--seed", "one"],
        ["watch"],
        ["watch", "runs", "--port", "http"],
        ["train", "--recipe", "digits", "--resume", "--overwrite"],
    ],
    ids=" ".join,
)
def test_words_that_no_command_takes_are_refused(capsys, words):
    with pytest.raises(SystemExit) as end:
        main.main(words)
    assert end.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(
        " ".join(["vae-tf", *words[:1]]) if words[:1] and words[0] in COMMANDS else "vae-tf: error: "
    )
    assert ": error: " in last


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("words", [["train", "--recipe", "digits"], ["evaluate", "run"]], ids=" ".join)
def test_another_backend_is_refused_in_one_line(process, tmp_path, words, backend):
    answer = process(*words, KERAS_BACKEND=backend)
    assert answer.returncode == 2
    assert answer.stderr == (
        f'vae-tf: error: Keras runs on the backend "{backend}", but vae_tf needs "tensorflow": set the environment '
        f'variable KERAS_BACKEND=tensorflow, or "backend" in ~/.keras/keras.json.\n'
    )
    assert answer.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_in_a_process_of_its_own_the_last_line_is_the_refusal(process, tmp_path):
    answer = process("train", "--recipe", "digits", "--data", "no-such.npz")
    assert answer.returncode == 2
    *before, last = answer.stderr.splitlines()  # TensorFlow may say what it has not found
    assert last.startswith("vae-tf: error: There is no data 'no-such.npz': give one of digits-5k, ")
    assert not any(line.startswith(("Traceback", "vae-tf")) for line in before)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def command_that(monkeypatch):
    """Makes `vae-tf evaluate` do something else."""

    def stand_in(result):
        def run(arguments):
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr(evaluate, "run", run)

    return stand_in


@pytest.mark.parametrize(
    "error",
    [
        InputError("Say it\n  in one line."),
        DivergenceError("Say it in one line."),
        OSError("Say it\nin one line."),
    ],
)
def test_what_is_expected_is_one_line_and_status_2(command_that, capsys, error):
    command_that(error)
    assert main.main(["evaluate", "run"]) == 2
    assert capsys.readouterr().err == "vae-tf: error: Say it in one line.\n"


@pytest.mark.parametrize("error", [ValueError("a defect"), KeyError("a defect"), AssertionError("a defect")])
def test_a_defect_keeps_its_trace(command_that, error):
    command_that(error)
    with pytest.raises(type(error), match="a defect"):
        main.main(["evaluate", "run"])


def test_an_interruption_ends_quietly(command_that, capsys):
    command_that(KeyboardInterrupt())
    assert main.main(["evaluate", "run"]) == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("status", [0, 1])
def test_the_status_is_the_command_s(command_that, status):
    command_that(status)
    assert main.main(["evaluate", "run"]) == status
