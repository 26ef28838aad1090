import re

import pytest

from vae_tf import training
from vae_tf_cli.main import main


def test_all_recipes_are_listed_with_what_they_are(capsys):
    assert main(["recipes"]) == 0
    printed = capsys.readouterr().out
    for name in training.presets():
        assert re.search(rf"│ {name} ", printed)
    assert "vae-tf recipe NAME" in printed


def test_all_keys_are_listed(capsys):
    assert main(["recipes", "--keys"]) == 0
    printed = capsys.readouterr().out
    assert "model.objective.beta" in printed
    assert "--model.networks.hidden '[512, 256]'" in printed


def test_a_recipe_is_printed_as_a_file_that_works(capsys, tmp_path):
    assert main(["recipe", "beta-vae"]) == 0
    (tmp_path / "mine.yaml").write_text(capsys.readouterr().out)
    assert training.read(str(tmp_path / "mine.yaml"))[1] == training.read("beta-vae")[1]


def test_another_name_is_refused_with_the_nearest(refused):
    assert refused("recipe", "beta-va").startswith("There is no recipe 'beta-va' (did you mean 'beta-vae'?): give one")


def test_the_versions_are_printed_at_once(process):
    answer = process("--version", flags=["-X", "importtime"])
    assert answer.returncode == 0
    assert re.fullmatch(
        r"vae_tf \S+, tensorflow \S+, keras \S+, tensorflow-probability \S+, Python 3\.\d+\.\d+\n", answer.stdout
    )
    assert "| tensorflow\n" not in answer.stderr


def test_no_command_is_refused(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert capsys.readouterr().err.endswith("vae-tf: error: no COMMAND was given\n")
