"""The pair's parameters as named arrays, in ganstab's layout and in that of the PyTorch peers.

The peers hold images as [n, channel, height, width], mirrored in height and width (see `peers`), so
the kernels of their convolutions are mirrored and the pixels at either dense layer change order.
"""

import numpy as np


def shapes() -> dict[str, tuple[int, ...]]:
    """Of ganstab's parameters, `player/layer/…`: kernels [h, w, in, out], or dense [in, out]."""
    gen = {"dense/kernel": (256, 1024), "dense/bias": (1024,), **_norm(0, 64)}
    for i, (a, b) in enumerate(((64, 32), (32, 16), (16, 8))):
        gen |= {**_conv(f"convs/{i}", a, b), **_norm(i + 1, b)}
    gen |= _conv("to_image", 8, 3)
    disc = {"dense/kernel": (128, 1), "dense/bias": (1,)}
    for i, (a, b) in enumerate(((3, 2), (2, 4), (4, 8))):
        disc |= {**_conv(f"convs/{i}", a, b), **_norm(i, b)}
    players = {"gen": gen, "disc": disc}.items()
    return {f"{player}/{name}": shape for player, own in players for name, shape in own.items()}


def _conv(name: str, channels: int, out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}/kernel": (3, 3, channels, out), f"{name}/bias": (out,)}


def _norm(place: int, channels: int) -> dict[str, tuple[int, ...]]:
    return {f"norms/{place}/scale": (channels,), f"norms/{place}/bias": (channels,)}


def initial(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Float64 parameters: N(0, 0.05²), around 1 for the scales of batch norms."""
    return {
        name: rng.normal(name.endswith("scale"), 0.05, shape) for name, shape in shapes().items()
    }


def to_peer(params: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Parameters or gradients of ganstab under the peers' names and in their layout."""
    return dict(_translate(name, value) for name, value in params.items())


def _translate(name: str, value: np.ndarray) -> tuple[str, np.ndarray]:
    player, layer, *_ = name.split("/")
    if layer == "dense":
        value = _dense(player, value)
    elif value.ndim == 4 and layer == "convs" and player != "disc":
        value = value.transpose(2, 3, 0, 1)
    elif value.ndim == 4:
        value = value[::-1, ::-1].transpose(3, 2, 0, 1)
    owner, rest = name.split("/", 1)
    rest = rest.replace("kernel", "weight").replace("scale", "weight").replace("/", ".")
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


def images_to_peer(image: np.ndarray) -> np.ndarray:
    """[…, height, width, channel] -> […, channel, mirrored height, mirrored width]."""
    return np.ascontiguousarray(np.moveaxis(image, -1, -3)[..., ::-1, ::-1])


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
