"""The prior that a recipe can name in place of one that is made of networks."""

from collections.abc import Sequence

from vae_tf import VAE, likelihoods, networks, posteriors, priors


class SecondLayer(priors.Hierarchical):
    """A second stochastic layer of fully connected networks: what makes one is a plain `priors.Hierarchical`.

    q(z2|z) = N(z2; loc(z), diag(scale(z)^2)),  p(z|z2) = N(z; loc(z2), diag(scale(z2)^2)),  p(z2) = N(0, I)

    Source: Burda et al. (2016), "Importance weighted autoencoders", section 5, the models of two stochastic layers.

    Args:
        latent_size: D, the size of z, or the shape of a grid.
        inner_size: of z2.
        hidden: the layer widths of q(z2|z), from z to z2; those of p(z|z2) are the mirror of them.
        activation: the name of a Keras activation.
    """

    # It makes an object of another class, so that a saved model holds none of this package.
    def __new__(
        cls,
        latent_size: int | Sequence[int],
        inner_size: int = 8,
        hidden: tuple[int, ...] = (64, 64),
        activation: str = "tanh",
    ) -> priors.Hierarchical:
        """The prior, with new weights."""
        shape = (latent_size,) if isinstance(latent_size, int) else tuple(latent_size)
        return priors.Hierarchical(
            VAE(
                *networks.mlp(shape, inner_size, hidden, activation),
                posterior=posteriors.DiagonalNormal(inner_size),
                likelihood=likelihoods.Normal(shape, scale="predicted"),
            )
        )
