"""What the page says of one dataset and scenario, or of one pair: the answer first, details in folds."""

from collections.abc import Mapping
from pathlib import Path

from counterweight.reporting.answers import answer, answer_pair, name_score
from counterweight.reporting.differences import describe_halves, describe_space, tabulate_differences
from counterweight.reporting.markdown import Grid
from counterweight.reporting.page import charts, curves
from counterweight.reporting.page.account import fold_account, fold_accounts
from counterweight.reporting.page.notes import CLASS_NOTES, DETAIL_NOTES, HELP_NOTES, LATENT_NOTES, describe_columns
from counterweight.reporting.page.parts import Chart, Fold, Look, Section, Table
from counterweight.reporting.page.pictures import Pictures
from counterweight.reporting.remarks import describe_seen
from counterweight.reporting.results import Comparison, Comparisons, Results
from counterweight.reporting.tables import (
    describe_best_simple,
    describe_minority,
    list_remarks,
    tabulate_classes,
    tabulate_help,
    tabulate_simple,
)
from counterweight.reporting.verdicts import describe_reach, verdict

SPACES_NOTE = (
    "Fractions of features whose means differ, raw and at the false discovery rate: within each set, then against real "
    "images; then Frechet distances, and what the spaces are."
)
GENERATED, SIMPLE = "with synthetic images", "without synthetic images"
ALL_REAL = "with all real images, also those left out"
SPACES = {
    "within": "features whose means differ between halves of one set, %",
    "between": "features whose means differ from real images, %",
    "frechet": "Frechet distances from real images",
    "inception": "inception scores, of networks that name classes",
    "spaces": "what the spaces are, and how many dimensions real images fill in them",
}
"""Of every table what it shows."""
OF_HALVES = ("within", "between", "frechet")
"""Those of these tables whose numbers are means over draws of halves."""
LATENTS = "where both sets lie: t-tests of single latents, modes, and how many dimensions they fill"
MOVED = "images decoded again, as they are and moved to where real ones lie; against real images"
LATENT_NOTE = "Where both sets lie in an autoencoder of both, and what moving synthetic images to real ones does."


def open_section(results: Results, plots: Path, pictures: Pictures) -> Section:
    """Return the answer and what synthetic images look like; `add_details` adds the rest."""
    item = f"{results.dataset}/{results.scenario}"
    judged = results.judged
    references = [found for found in (judged.against_imbalanced, judged.against_simple) if found is not None]
    changes = {f"against {found.reference}": found.headline for found in references}
    score = name_score(results.counts, judged.against_imbalanced)
    label = f"change of the score by every method on {item}, with intervals; the table below has the same numbers"
    return Section(
        anchor=f"{results.dataset}-{results.scenario}",
        title=f"{results.dataset}, {results.scenario}",
        answer=answer(results),
        changes=Chart(charts.draw_changes(changes, score, list_kinds(results)), label)
        if judged.against_imbalanced.headline
        else None,
        looks=[look(name, own, plots, f"{item}/{name}", pictures) for name, own in results.comparisons.items()],
        reach=describe_reach(results.comparisons),
        warning=describe_seen(results.counts),
    )


def list_kinds(results: Results) -> dict[str, str]:
    """Return of each method whether it trains with synthetic images, without, or with all real ones."""
    kinds = {name: GENERATED if name in results.comparisons else SIMPLE for name in results.scores}
    return kinds | {"balanced": ALL_REAL}


def open_pair(name: str, comparison: Comparison, plots: Path, pictures: Pictures) -> Section:
    """Return the same of a pair, which has no classifier: its answer is how its sets differ."""
    looks = [look("synthetic", comparison, plots, f"pairs/{name}", pictures)]
    return Section(f"pair-{name}", f"Pair {name}", answer_pair(name, comparison), None, looks)


def look(name: str, comparison: Comparison, plots: Path, item: str, pictures: Pictures) -> Look:
    """Return what a synthetic set's images are like."""
    caption = (
        f"Above images by {name}, those nearest to a real one it was trained on; below that real one. The number "
        "is their distance, the root mean square over the pixels in levels of 255."
    )
    found = pictures.embed(plots / "compare" / item / "nearest.png", caption)
    return Look(name, verdict(name, comparison), [found] if found else [])


def add_details(section: Section, results: Results, plots: Path, pictures: Pictures) -> None:
    """Add the folds of a dataset and scenario."""
    item, draws = f"{results.dataset}/{results.scenario}", len(results.scores["imbalanced"].draws)
    section.folds.append(fold_methods(results, draws))
    section.folds.append(fold_classes(results, draws))
    section.folds += fold_differences(results.comparisons)
    losses = curves.read_losses(plots / "train" / item, list(results.comparisons))
    if (spec := charts.draw_losses(losses)) is not None:
        note = "Mean over the draws."
        section.folds.append(Fold("How training went", note, charts=[Chart(spec, "training losses by epoch")]))
    section.folds += [fold_pictures(name, plots, f"{item}/{name}", pictures) for name in results.comparisons]
    if results.account is not None:
        section.folds.append(fold_account(results.account))
    section.folds = [fold for fold in section.folds if fold]


def add_pair_details(section: Section, name: str, comparison: Comparison, plots: Path, pictures: Pictures) -> None:
    """Add the folds of a pair."""
    section.folds += fold_differences({"synthetic": comparison.plain})
    section.folds.append(fold_pictures("synthetic", plots, f"pairs/{name}", pictures))
    if comparison.accounts:
        section.folds.append(fold_accounts(comparison.accounts))
    section.folds = [fold for fold in section.folds if fold]


def fold_methods(results: Results, draws: int) -> Fold:
    """Return what every method does to the classifier, against both references."""
    tested = sum(count.test for count in results.counts.values())
    context = f"{draws} draws, {tested:,} test images"
    tables = [Table(tabulate_help(results), HELP_NOTES, f"against imbalanced; {context}")]
    simple = results.judged.against_simple
    if simple is not None:
        tables.append(Table(tabulate_simple(simple), HELP_NOTES, f"against {simple.reference}; {context}"))
    note = " ".join([describe_minority(results.counts), *list_remarks(results), describe_best_simple(results)])
    return Fold("Every method in numbers", note, tables)


def fold_classes(results: Results, draws: int) -> Fold:
    """Return how many images each class has, and how well it is recognised."""
    matrices = {
        name: [
            [sum(draw.confusion[row][column] for draw in own.draws) for column in range(len(results.counts))]
            for row in range(len(results.counts))
        ]
        for name, own in results.scores.items()
    }
    drawn = [Chart(charts.draw_counts(results.counts), "images of each class before and after")]
    if (confusion := charts.draw_confusion(matrices, list(results.counts))) is not None:
        drawn.append(Chart(confusion, "confusion matrix of the method that is chosen"))
    note = (
        "F1 of each class, mean over the draws; of so many numbers some differ by chance. *: a class of the headline."
    )
    table = Table(tabulate_classes(results), CLASS_NOTES, f"F1, 0 to 1, higher is better; {draws} draws")
    return Fold("Every class", note, [table], drawn)


def fold_differences(comparisons: Comparisons) -> list[Fold]:
    """Return the tables and charts of how synthetic images differ."""
    if not comparisons:
        return []
    found = tabulate_differences(comparisons)
    first = next(iter(comparisons.values())).features
    halves = describe_halves(first)
    of_features = DETAIL_NOTES | describe_columns(first.columns)

    def table(key: str, own: str, notes: Mapping[str, str] = of_features) -> list[Table]:
        grid = found[key]
        assert isinstance(grid, Grid)
        return [Table(grid, notes, own)] if grid else []

    drawn, roc = charts.draw_backbones(comparisons), charts.draw_roc(curves.list_roc(comparisons))
    others = f"mean over all other feature spaces that count; {halves}"
    spaces = SPACES | {key: f"{SPACES[key]}; {halves}" for key in OF_HALVES}
    latents = [*table("latent_table", LATENTS, LATENT_NOTES), *table("moved_table", MOVED)]
    return [
        Fold(
            "How synthetic images differ, in numbers",
            "Row real: what real images get among themselves, which is what agrees.",
            [*table("tables", f"{describe_space(first)}; {halves}"), *table("other_tables", others)],
            [Chart(drawn, "the chosen statistic in every feature space, by method")] if drawn else [],
        ),
        Fold(
            "Told apart by style",
            "Area under the ROC curve with its 95 % interval, and average precision; 0.5: it cannot tell them.",
            table("style_table", "on images that the network has not seen"),
            [Chart(roc, "ROC curves of the style classifier")] if roc else [],
        ),
        Fold("Every feature space", SPACES_NOTE, [part for key, own in spaces.items() for part in table(key, own)]),
        Fold("In a latent space", LATENT_NOTE, latents),
    ]


def fold_pictures(name: str, plots: Path, item: str, pictures: Pictures) -> Fold:
    """Return everything that was drawn of one synthetic set."""
    found = [
        *pictures.embed_all((plots / "samples" / item).parent, f"{Path(item).name}.png", f"{name}: images"),
        *pictures.embed_all(plots / "compare" / item, "features.png", f"{name}: features of both sets"),
        *pictures.embed_all(
            plots / "discriminate" / item, "pca_*.png", f"{name}: what the style classifier sees ({{name}})"
        ),
        *pictures.embed_all(
            plots / "discriminate" / item, "examples_*.png", f"{name}: most and least synthetic ({{name}})"
        ),
        *pictures.embed_all(plots / "train" / item, "epoch_*.png", f"{name}: samples while it was trained ({{name}})"),
        *pictures.embed_all(plots / "latent" / item, "*.png", f"{name}: latent space ({{name}})"),
        *pictures.embed_all(plots / "discriminate" / item, "activations_*.png", f"{name}: activations ({{name}})"),
        *pictures.embed_all(plots / "discriminate" / item, "weights_*.png", f"{name}: weights ({{name}})"),
    ]
    return Fold(f"All pictures of {name}", pictures=found)
