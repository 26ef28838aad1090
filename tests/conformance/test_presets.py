"""What the export of every preset does, at the size that the preset has: all signatures, through a session too."""

import keras
import pytest

from vae_tf import training
from vae_tf.export import export
from vae_tf.export.version import check

SHAPES = {"photo-patches": (16, 16, 3)}  # of one example; digits elsewhere


@pytest.mark.parametrize("name", training.presets())
def test_it_is_exported_and_answers_as_the_model_does(name, tmp_path):
    keras.utils.set_random_seed(0)
    settings, _ = training.read(name)
    vae = settings.build(SHAPES.get(name, (28, 28, 1)), examples=100, labels=10)
    version = export(vae, tmp_path, name=name)
    assert [finding for finding in check.check(version) if not finding.ok] == []
