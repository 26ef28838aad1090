"""PyTorch in a tight loop, no trainer around it, on two threads.

Variants: "own": a model written for this; "pythae": pythae's VAE and its loss; "pythae-trainer": in its BaseTrainer.
"""

import itertools
import logging
import os
import tempfile

import torch
from torch import nn
from turns import ENDLESS, Turns
from works import chosen, images, scaled

torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.manual_seed(0)
work, variant = chosen()
D = work.latent_size
ACTIVATION = {"relu": nn.ReLU, "tanh": nn.Tanh}[work.activation]
features = work.hidden[-1] if work.hidden else 128


def dense(*sizes):
    return [layer for pair in itertools.pairwise(sizes) for layer in (nn.Linear(*pair), ACTIVATION())]


def encoder():
    if work.hidden:
        return nn.Sequential(nn.Flatten(), *dense(784, *work.hidden))
    convolutions = nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(3136, 128), nn.ReLU())


def decoder():
    if work.hidden:
        return nn.Sequential(*dense(D, *reversed(work.hidden)), nn.Linear(work.hidden[0], 784))
    seed = nn.Linear(D, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7))
    up = nn.ConvTranspose2d(64, 64, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ReLU()
    return nn.Sequential(*seed, *up, nn.ConvTranspose2d(32, 1, 3, 1, 1))


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder, self.latent = encoder(), decoder(), nn.Linear(features, 2 * D)

    def forward(self, x):
        mean, log_variance = self.latent(self.encoder(x)).chunk(2, 1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        logits = self.decoder(z).flatten(1)
        distortion = nn.functional.binary_cross_entropy_with_logits(logits, x.flatten(1), reduction="sum")
        rate = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
        return (distortion + rate) / len(x)


def pythae_model():
    logging.disable(logging.CRITICAL)
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.network, self.mean, self.log_variance = encoder(), nn.Linear(features, D), nn.Linear(features, D)

        def forward(self, x):
            h = self.network(x)
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.network = nn.Sequential(decoder(), nn.Sigmoid(), nn.Flatten(), nn.Unflatten(1, (1, 28, 28)))

        def forward(self, z):
            return ModelOutput(reconstruction=self.network(z))

    return VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=D, reconstruction_loss="bce"), Encoder(), Decoder())


turns = Turns(work.steps, work.batch_size)
if variant == "pythae-trainer":
    from pythae.data.datasets import BaseDataset
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    model = pythae_model()
    data = torch.from_numpy(scaled(work).transpose(0, 3, 1, 2).copy())
    config = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        num_epochs=1,
        per_device_train_batch_size=work.batch_size,
        learning_rate=1e-3,
        no_cuda=True,
    )
    trainer = BaseTrainer(model, BaseDataset(data, torch.zeros(len(data))), training_config=config)
    trainer.prepare_training()
    for epoch in range(1, ENDLESS):
        turns.wait()
        turns.tell(trainer.train_step(epoch))

pythae = variant == "pythae"
model = pythae_model() if pythae else Own()
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
data = torch.from_numpy((images if work.binarized else scaled)(work).transpose(0, 3, 1, 2).copy())
model.train()
for _ in range(ENDLESS):
    turns.wait()
    order, total = torch.randperm(len(data)), 0.0
    for step in range(work.steps):
        first = step * work.batch_size % len(data)
        x = data[order[first : first + work.batch_size]]
        if work.binarized:
            values = x.float() / 255
            x = (torch.rand_like(values) < values).float()
        loss = model({"data": x}).loss if pythae else model(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    turns.tell(total / work.steps)
