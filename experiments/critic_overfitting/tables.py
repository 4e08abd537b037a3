"""Figure 5b as a table: few and many training images, a penalty and clipping."""

from experiments.critic_overfitting.pictures import figure_5
from ganstab.tables import Cell, Claim, Table

NAMES = {"wgan_gp": "gradient penalty", "wgan": "weight clipping"}
FEW, MANY = 1000, 50_000
_OF_FEW = "the critic's loss of training and validation images parts further"


def _claim(words: str, measure: str, recipe: str, relation) -> Claim:
    words = f"{NAMES[recipe].capitalize()}: {words} with {FEW:,} images than with {MANY:,}"
    return Claim(words, measure, f"{recipe}_{FEW}", relation, f"{recipe}_{MANY}")


TABLES = {
    "figure_5": Table(
        "Figure 5b: a critic that learns its data by heart",
        "The negative loss of the critic on training and on validation images.",
        [
            Cell(
                f"{recipe}_{count}", words, f"{count:,} images", {"recipe": recipe, "images": count}
            )
            for recipe, words in NAMES.items()
            for count in (FEW, MANY)
        ],
        pictures=figure_5,
        claims=[
            _claim(_OF_FEW, "gap", "wgan_gp", "above"),
            _claim(_OF_FEW, "gap", "wgan", "above"),
            _claim("the value of training images is larger", "training", "wgan_gp", "above"),
            _claim("the value of validation images is smaller", "validation", "wgan_gp", "below"),
        ],
    )
}
