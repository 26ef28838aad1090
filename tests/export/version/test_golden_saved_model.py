"""A SavedModel of an earlier day, made by `tests/golden/saved_model_make.py`: it must load and answer as then."""

import pathlib

from vae_tf.export.version.check import check

FOLDER = pathlib.Path(__file__).parents[2] / "golden" / "saved_model" / "digits"


def test_the_golden_saved_model_answers_as_it_did():
    assert [(finding.check, finding.detail) for finding in check(FOLDER / "1") if not finding.ok] == []
