"""The pair with which mode collapse is counted on stacked MNIST: `convolutional`, as it is.

Metz et al. 2017 (arXiv:1611.02163, appendix E), Table 1.
"""

from ganstab.networks.convolutional import Discriminator, Generator

__all__ = ["Discriminator", "Generator"]
