"""Pictures of games: their field, their spectrum, their loss and the modes that they cover.

Every function draws on matplotlib axes of yours and takes plain arrays, or what `ganstab.dynamics`
returns. `panels` makes axes of a size at which the lettering is that of a paper's column, `png`
turns a figure into bytes. Colours are those of Okabe and Ito or near them. Colour scales go from
light to dark, so that people with any kind of colour vision can read them, in black and white too.
"""

from ganstab.plots.modes import density, kernel_density, mode_heatmap
from ganstab.plots.phases import phase_diagram
from ganstab.plots.planes import landscape, vector_field
from ganstab.plots.spectra import eigenvalue_path, eigenvalues
from ganstab.style import panels, png

__all__ = [
    "density",
    "eigenvalue_path",
    "eigenvalues",
    "kernel_density",
    "landscape",
    "mode_heatmap",
    "panels",
    "phase_diagram",
    "png",
    "vector_field",
]
