"""What counts as an image."""

from collections.abc import Sequence


def is_image(event_shape: Sequence[int]) -> bool:
    """Whether examples of a shape are grey or colour images, [height, width, 1 or 3]."""
    return len(event_shape) == 3 and event_shape[-1] in (1, 3)
