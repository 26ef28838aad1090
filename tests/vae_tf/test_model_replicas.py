"""Two replicas train as one device does, and log means over all examples."""

SCRIPT = """
    import keras, numpy as np, tensorflow as tf

    cpu, = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    import vae_tf
    from vae_tf import VAE, networks, objectives, posteriors

    rng = np.random.default_rng(0)
    x, w = rng.integers(0, 2, (51, 6)).astype(np.float32), rng.random(51).astype(np.float32)

    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def train(strategy, **parts):
        with strategy.scope():
            keras.utils.set_random_seed(1)
            vae = VAE(*networks.mlp((6,), latent_size=2, hidden=(5,)), **parts)
            vae.compile(keras.optimizers.SGD(0.1))
        options = {"batch_size": 10, "verbose": 0}
        history = vae.fit(x[:50], x[:50], sample_weight=w[:50], epochs=2, shuffle=False, **options).history
        # The last batch is of 1 example, so one replica has none.
        logs = vae.evaluate(x, x, sample_weight=w, **options, return_dict=True)
        for counter in (vae.training_steps, vae.optimizer.iterations):
            assert {int(value) for value in strategy.experimental_local_results(counter.value)} == {10}
        return vae, history, logs

    def compare(make_parts):
        two = train(mirrored, **make_parts())
        one = train(tf.distribute.get_strategy(), **make_parts())
        for (a, b) in zip(two[0].get_weights(), one[0].get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        for a, b in zip(two[1:], one[1:]):
            assert a.keys() == b.keys()
            for name in a:
                np.testing.assert_allclose(a[name], b[name], rtol=1e-5, err_msg=name)

    compare(lambda: {"posterior": posteriors.Deterministic(2), "objective": objectives.Reconstruction()})
    print("a plain autoencoder: the same")

    with mirrored.scope():
        vae = VAE(*networks.mlp((6,), latent_size=2, hidden=(5,)))
        vae.compile(keras.optimizers.SGD(0.1))
    vae.fit(x[:11], batch_size=10, verbose=0)
    assert all(np.isfinite(weight).all() for weight in vae.get_weights())
    print("a replica without examples: finite")

    vae_tf.random.normal = lambda shape, seed: tf.zeros(shape)
    compare(dict)
    print("without noise: the same")
    real = rng.normal(size=(16, 6)).astype(np.float32)
    padded = np.concatenate([real[:8], 50 * real[8:], real[8:], 50 * real[:8]])  # each half goes to one replica
    weights = np.tile(np.repeat(np.float32([1, 0]), 8), 2)
    for make in (objectives.DIP, lambda: objectives.TotalCorrelation(examples=100)):
        ends = []
        for rows, w_of_rows, rate in ((real, np.ones(16, np.float32), 1e-4), (padded, weights, 2e-4)):
            with mirrored.scope():
                keras.utils.set_random_seed(1)
                likelihood = vae_tf.likelihoods.Normal((6,))
                vae = VAE(*networks.mlp((6,), 2, hidden=(5,)), likelihood=likelihood, objective=make())
                vae.compile(keras.optimizers.SGD(rate))
            vae.fit(rows, sample_weight=w_of_rows, batch_size=len(rows), shuffle=False, verbose=0)
            ends.append(vae.get_weights())
        for a, b in zip(*ends, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    print("rows of weight 0: as if they were not there")
    # Noise that is the stream's number, which is the replica's: 0 everywhere on one device.
    vae_tf.random.normal = lambda shape, seed: tf.fill(shape, tf.cast(seed[1] // 2**32 % 2**24, tf.float32))
    distortions = []
    for strategy in (mirrored, tf.distribute.get_strategy()):
        with strategy.scope():
            keras.utils.set_random_seed(1)
            vae = VAE(*networks.mlp((6,), latent_size=2, hidden=(5,)))
            vae.compile(keras.optimizers.SGD(0.1))
        distortions.append(vae.evaluate(x[:50], batch_size=50, verbose=0, return_dict=True)["distortion"])
    assert abs(distortions[0] - distortions[1]) > 1e-3
    print("each replica: noise of its own")
"""


def test_two_replicas_train_as_one_device(fresh_process):
    process = fresh_process(SCRIPT)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines() == [
        "a plain autoencoder: the same",
        "a replica without examples: finite",
        "without noise: the same",
        "rows of weight 0: as if they were not there",
        "each replica: noise of its own",
    ]
