"""What the page says of recognition on one dataset: whether sampled triplets teach, and what they look like."""

from pathlib import Path

from counterweight.reporting.markdown import Grid
from counterweight.reporting.page import charts
from counterweight.reporting.page.notes import HELP_NOTES, PARTS_NOTES, RECOGNITION_NOTES
from counterweight.reporting.page.parts import Chart, Fold, Look, Section, Table
from counterweight.reporting.page.pictures import Picture, Pictures
from counterweight.reporting.recognition import (
    Recognition,
    tabulate_accuracies,
    tabulate_differences,
    tabulate_losses,
    tabulate_sets,
    tabulate_verdicts,
)
from counterweight.reporting.recognition_answer import SCORE, answer_recognition
from counterweight.reporting.recognition_gap import describe_changes
from counterweight.results.triplets import SetResult

NOTES = RECOGNITION_NOTES | PARTS_NOTES
CHANGES = {
    "verdict": HELP_NOTES["verdict"],
    "change": "Against the untrained network, mean over the draws; higher is better.",
    "interval": "Holds with 95 % for all rows of the table at once; covers draws and test triplets.",
}


def open_recognition(found: Recognition, plots: Path, pictures: Pictures) -> Section:
    """Return the answer and what triplets look like; `add_recognition_details` adds the rest."""
    judged, drawn = found.judged.rank1.against_untrained, plots / "triplets" / found.dataset
    label = f"change of {SCORE} on {found.dataset} by what a network learned from, with intervals"
    return Section(
        anchor=f"recognition-{found.dataset}",
        title=f"{found.dataset}, recognition",
        answer=answer_recognition(found),
        changes=Chart(charts.draw_changes({"against the untrained network": judged}, SCORE, {}), label)
        if judged
        else None,
        looks=[look(name, own, found.triplets.by_image, drawn, pictures) for name, own in found.triplets.sets.items()],
        looks_title="What triplets look like",
    )


def look(name: str, own: SetResult, by_image: bool, plots: Path, pictures: Pictures) -> Look:
    """Return what a set's triplets are."""
    caption = f"Triplets of {name}, a row each: the anchor's image, what stands for it, the positive, the negative."
    found = pictures.embed(plots / f"{name}.png", caption)
    return Look(name, describe_set(own, by_image), [found] if found else [])


def describe_set(own: SetResult, by_image: bool) -> str:
    """Say where a set's triplets come from."""
    if own.kind == "real":
        pair = "one with itself strongly changed" if by_image else "two of one identity"
        return f"Real images: {pair}, and one of another identity."
    if own.kind == "reconstructed":
        return f"Real triplets as `{own.autoencoder}` reconstructs them: the same, but blurred."
    changed = describe_changes(own)
    how = f"with {changed}" if changed else "as the log-ends thesis prints it"
    return f"Sampled from the latent space of `{own.autoencoder}`, {how}."


def add_recognition_details(section: Section, found: Recognition, plots: Path, pictures: Pictures) -> None:
    """Add the folds: accuracies, sets of triplets, autoencoders, pictures."""
    verdicts = {name: tabulate_verdicts(getattr(found.judged, name)) for name in ("rank1", "triplet")}
    draws = len(next(iter(found.recognized.rows.values())).draws)
    context = f"{draws} draws, {found.recognized.test:,} real test triplets"
    folds = [
        Fold(
            "Every network in numbers",
            "Changes by rank-1, then by triplet accuracy; then all accuracies.",
            [
                table(verdicts["rank1"], f"by rank-1; {context}"),
                table(verdicts["triplet"], f"by triplet accuracy; {context}"),
                Table(tabulate_accuracies(found.recognized), NOTES, context),
            ],
        ),
        Fold("Every set of triplets", "", [Table(tabulate_sets(found.triplets.sets), NOTES, "")]),
        Fold("The autoencoders", "After the last epoch.", list_autoencoders(found)),
        Fold("All pictures of the autoencoders", pictures=list_pictures(found, plots, pictures)),
    ]
    section.folds += [fold for fold in folds if fold]


def table(grid: Grid, context: str) -> Table:
    """Return a table of changes with what its columns mean."""
    return Table(grid, NOTES | CHANGES, context)


def list_autoencoders(found: Recognition) -> list[Table]:
    """Return their losses, and how the two kinds differ where both were trained on the same images."""
    draws = max(len(run.draws) for run in found.autoencoders.runs.values())
    tables = [Table(tabulate_losses(found.autoencoders), NOTES, f"mean and standard deviation over {draws} draws")]
    if differences := tabulate_differences(found.autoencoders):
        tables.append(Table(differences, {}, "variant minus vanilla; 95 % intervals, each for its row alone"))
    return tables


def list_pictures(found: Recognition, plots: Path, pictures: Pictures) -> list[Picture]:
    """Return what the autoencoders' pictures show."""
    folder = plots / "vae_experiment" / found.dataset
    return [
        picture
        for run in found.autoencoders.runs
        for picture in pictures.embed_all(folder / run, "*.png", f"{run}: {{name}}")
    ]
