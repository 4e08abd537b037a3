"""The pair's parameters as named arrays, in ganstab's layout and in that of the PyTorch peers.

The peers hold images as [n, channel, height, width], mirrored in height and width (see `peers`), so
the kernels of their convolutions are mirrored and the pixels at either dense layer change order.
"""

import numpy as np

LSTM = {"gates/weight": "lstm/weight_hh_l0", "gates/bias": "lstm/bias_hh_l0"}


def initial(shapes: dict[str, tuple[int, ...]], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Float64 parameters of these shapes: N(0, 0.05²), around 1 for the scales of batch norms."""
    return {name: rng.normal(name.endswith("scale"), 0.05, shape) for name, shape in shapes.items()}


def to_peer(params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters or gradients of ganstab under the peers' names and in their layout."""
    images = {name.split("/")[0] for name in params if "/convs/" in name}
    return dict(_translate(name, value, images) for name, value in params.items())


def _translate(name: str, value: np.ndarray, images: set[str]) -> tuple[str, np.ndarray]:
    player, layer, *_ = name.split("/")
    if layer == "dense" and player in images:
        value = _dense(player, value)
    elif value.ndim == 2:
        value = value.T
    elif value.ndim == 4 and layer == "convs" and player != "disc":
        value = value.transpose(2, 3, 0, 1)
    elif value.ndim == 4:
        value = value[::-1, ::-1].transpose(3, 2, 0, 1)
    owner, rest = name.split("/", 1)
    rest = rest.replace("mlp/", "").replace("kernel", "weight").replace("scale", "weight")
    rest = LSTM.get(rest, rest).replace("/", ".")
    return f"{owner}/{rest}", np.ascontiguousarray(value)


def _dense(player: str, value: np.ndarray) -> np.ndarray:
    """The generator's dense layer makes 4 x 4 pixels, the discriminator's reads them."""
    if value.shape != (1,):
        value = _pixels(value, 0 if player == "disc" else value.ndim - 1)
    return value.T


def _pixels(value: np.ndarray, axis: int) -> np.ndarray:
    """One axis from (height, width, channel) to (channel, mirrored height, mirrored width)."""
    value = np.moveaxis(value, axis, 0)
    image = value.reshape(4, 4, -1, *value.shape[1:])[::-1, ::-1]
    return np.moveaxis(np.moveaxis(image, 2, 0).reshape(value.shape), 0, axis)


def samples_to_peer(sample: np.ndarray, rank: int) -> np.ndarray:
    """[…, height, width, channel] -> […, channel, mirrored height, mirrored width].

    Args:
      sample: […, *shape of one].
      rank: 3 for an image; what is none stays as it is.
    """
    if rank != 3:
        return sample
    return np.ascontiguousarray(np.moveaxis(sample, -1, -3)[..., ::-1, ::-1])


def difference(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """The largest difference of an array, relative to the largest entry that array should have.

    Arrays that should be a millionth of the largest or less are left out: a bias in front of a
    batch norm has no effect, and its gradient and its value are rounding noise.
    """
    largest = {name: np.abs(value).max() for name, value in expected.items()}
    floor = 1e-6 * max(largest.values())
    return max(
        float(np.abs(found[name] - value).max() / largest[name])
        for name, value in expected.items()
        if largest[name] > floor
    )
