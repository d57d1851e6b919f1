"""What names of columns and methods mean, a line each: for the page's explanations and for its glossary."""

from collections.abc import Iterable, Sequence

from counterweight.core.registry import names_in, read_documentation
from counterweight.results.compare import ColumnFacts

BETTER = {"lower": "lower is better", "higher": "higher is better", "baseline": "as real images' is best"}
HELP_NOTES = {
    "verdict": "Helps or hurts where the interval leaves out 0; no difference where it goes no farther from 0 than the "
    "margin.",
    "change": "Of the headline score against the reference, mean over the draws; higher is better.",
    "interval": "Holds for all rows of the table at once.",
    "would see": "The smallest true change that would have been seen in four of five cases.",
    "minority F1": "Mean F1 of the classes that have too few images, and its standard deviation over the draws; 0 to "
    "1, higher is better.",
    "balanced accuracy": "Mean of the classes' recalls, and its standard deviation over the draws; 0 to 1, higher is "
    "better.",
    "accuracy": "Mean over the draws; 0 to 1, higher is better.",
}
CLASS_NOTES = {
    "fitted": "Real images that classifiers are fitted to.",
    "synthetic": "Synthetic images that fill the class up.",
    "test": "Real images that scores are of.",
}
DETAIL_NOTES = {
    "SSIM": "Structural similarity of random pairs of a class, with its standard error; lower is more diverse.",
    "sharpness": "Variance of the Laplacian, mean with its standard error; less than real: blurred, more: noisy.",
    "copies": "Fraction nearer to one training image, and to no other, than nearly all real ones; as real is best.",
    "raw / FDR, %": "Features whose means differ: by t-tests at 0.05 each (raw), and at a false discovery rate of 0.05 "
    "(Benjamini and Hochberg); as real images' is best.",
    "effective": "Dimensions that the real images fill: the squared sum of the variances along principal components by "
    "the sum of their squares.",
    "style": "Area under the ROC curve of a small network that tells synthetic images from real ones, with its 95 % "
    "interval; 0.5: it cannot, 1: always.",
    "average precision": "Of the same network: mean precision over all thresholds; as large as the synthetic part of "
    "the images where it cannot tell them.",
    "Inception Score": "How certainly Inception names each image, and how differently all of them; as real images' is "
    "enough.",
    "Frechet ratio": "Frechet distance in units of what halves of the real images have; 1 is best.",
}
LATENT_NOTES = {
    "within real": "Latents whose means differ between halves of the real images, raw / at the false discovery rate, "
    "in %.",
    "within": "Likewise between halves of the synthetic images.",
    "between": "Likewise between real and synthetic images; as real images' is best.",
    "modes": "Of real images, of synthetic ones, and of both: five at most.",
    "in the cube": "Fraction of synthetic images whose latents all lie between -1.5 and 1.5.",
    "log10 density": "Of synthetic images per unit of volume there.",
    "dimension": "Effective dimensions of the latents, real / synthetic.",
}
"""Of the table of a latent space, where `within` is of latents, elsewhere of features."""
RECOGNITION_NOTES = {
    "rank-1": "Fraction of the positives of all test triplets of which the anchor's own is the nearest; 0 to 1, higher "
    "is better.",
    "recall at 5": "Fraction of anchors whose own positive is among the five nearest; 0 to 1, higher is better.",
    "at 10": "Fraction of anchors whose own positive is among the ten nearest; 0 to 1, higher is better.",
    "triplet": "Fraction of triplets whose positive is nearer than the negative; 0 to 1, by chance 0.5, higher is "
    "better.",
    "margin": "Fraction of triplets whose positive is nearer by more than the margin; 0 to 1, higher is better. It "
    "falls to 0 where training draws all embeddings together, which rank-1 does not mind.",
    "of the way": "From the untrained network to the one that learned from real triplets: 0 to 100 %, or beyond.",
    "interval of that": "Of 95 % over draws and test triplets, for its row alone (Fieller's).",
    "ratio": "How many times as far from the anchor's latents the negative lies as the positive.",
    "cosine": "Of the directions from the anchor to positive and negative; 1: the negative is the positive moved "
    "further.",
    "ELBO": "Reconstruction and KL of 32 images, summed as the log-ends thesis prints it; lower is better.",
    "reconstruction": "What the squared error adds to the ELBO of 32 images; lower is better.",
    "KL": "Of an image's posterior from the prior, in nats.",
    "nats": "Bound of an image's negative log density, of intensities from 0 to 1; lower is better.",
}
PARTS_NOTES = {
    "training": "Triplet accuracy of what the network learned from, of its own kind.",
    "validation": "Triplet accuracy of what chose the epoch, of the network's own kind.",
    "epochs": "Whose weights were taken, in each draw.",
}
REFERENCES = {
    "imbalanced": "The plain classifier, trained on the real images that are left: what all methods are compared with.",
    "balanced": "The plain classifier, trained on all real images, also those that were dropped: what real ones would "
    "do instead of synthetic ones.",
}


def describe_columns(columns: Sequence[ColumnFacts]) -> dict[str, str]:
    """Return what each column of statistics means, in which unit, and which direction is better."""
    return {column.header: f"{column.meaning} Unit: {column.unit}; {BETTER[column.better]}." for column in columns}


def describe_methods(names: Iterable[str]) -> dict[str, str]:
    """Return what methods are: the first sentence of a generator's file, or of a recipe's."""
    return {name: describe_method(name) for name in names}


def describe_method(name: str) -> str:
    """Return what one method is."""
    if name in REFERENCES:
        return REFERENCES[name]
    if name in names_in("generators"):
        return f"Synthetic images: {read_title('generators', name)}"
    return f"No synthetic images: {read_title('recipes', name)}"


def read_title(folder: str, name: str) -> str:
    """Return the first sentence of a file of this package, which is not imported for that."""
    return read_documentation(folder, name).split("\n\n")[0].replace("\n", " ")
