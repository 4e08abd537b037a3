"""What a weight of the Inception network is called in others' files.

Ours are the paths in `InceptionV3`, e.g. "Mixed_5b.branch1x1.conv.kernel".
"""

from ganstab.metrics.inception_blocks import BLOCKS, STEM, Block, Layer

__all__ = ["graph_name", "torch_name"]


def torch_name(name: str) -> str:
    """In the state of pytorch-fid's and torch-fidelity's networks."""
    layer, part = name.rsplit(".", 1)
    theirs = {"kernel": "weight", "scale": "weight", "mean": "running_mean", "var": "running_var"}
    return f"{layer}.{theirs.get(part, part)}"


def graph_name(name: str) -> str:
    """The constant's name in Google's frozen graph."""
    if name.startswith("fc."):
        return {"fc.kernel": "softmax/weights", "fc.bias": "softmax/biases"}[name]
    layer, kind, part = name.rsplit(".", 2)
    if kind == "conv":
        return f"{_GRAPH_LAYERS[layer]}/conv2d_params"
    theirs = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}
    return f"{_GRAPH_LAYERS[layer]}/batchnorm/{theirs[part]}"


def _graph_layers() -> dict[str, str]:
    """The graph's name of each layer: layers, blocks and branches are numbered where they stand."""
    found = {layer.name: _numbered("conv", place) for place, layer in enumerate(STEM)}
    for place, block in enumerate(BLOCKS):
        for layer, name in _graph_layers_of(block).items():
            found[f"{block.name}.{layer}"] = f"{_numbered('mixed', place)}/{name}"
    return found


def _graph_layers_of(block: Block) -> dict[str, str]:
    chains = [*block.chains, (block.pooled,)] if block.pooled else [*block.chains]
    names: dict[str, str] = {}
    towers = 0
    for chain in chains:
        # A first branch of one layer stands in the block itself.
        tower = "" if not names and len(chain) == 1 else f"{_numbered('tower', towers)}/"
        towers += bool(tower)
        for place, part in enumerate(chain):
            if isinstance(part, Layer):
                names[part.name] = tower + _numbered("conv", place)
            else:
                for side, layer in enumerate(part):
                    names[layer.name] = f"{tower}mixed/{_numbered('conv', side)}"
    return names


def _numbered(name: str, place: int) -> str:
    return f"{name}_{place}" if place else name


_GRAPH_LAYERS = _graph_layers()
