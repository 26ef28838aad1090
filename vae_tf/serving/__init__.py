"""What a model serves: functions of named tensors, row by row, whoever runs them.

`VAE.export` writes them as a SavedModel; `vae_tf.export` makes the versioned bundle of it.
"""
