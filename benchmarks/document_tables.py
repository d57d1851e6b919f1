"""The verdicts and rows of a table in docs/documents.md, from what the classify stage has written: nothing is compared.

    python -m benchmarks.document_tables mnist_cpu drop75 geometric cvae --out metrics/documents/mnist_drop75

The report does the same for a whole table, of which features, style and latent space are measured, too. This needs
`baselines` and `classify` of the rows alone. Beside the verdicts it copies the scores they are of.
"""

import argparse
import shutil
from pathlib import Path
from statistics import fmean, stdev

import numpy as np

from counterweight.core.params_file import read_params_file
from counterweight.core.results import read_required, write_result
from counterweight.core.seeds import derive_seed
from counterweight.reporting.judging import RESAMPLES, judge_all, read_predictions
from counterweight.reporting.results import Judged, read_scores
from counterweight.results.classify import MethodScores
from counterweight.results.imbalance import Counts
from counterweight.settings.table import Table
from counterweight.statistics.bootstrap_scores import bootstrap_scores


def main() -> None:
    """Judge, write and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dataset")
    parser.add_argument("scenario")
    parser.add_argument("generators", nargs="*")
    parser.add_argument("--root", type=Path, default=Path(), help="the checkout in which the stages ran")
    parser.add_argument("--out", type=Path, required=True, help="beginning of the names of the files to write")
    arguments = parser.parse_args()
    root, item = arguments.root, f"{arguments.dataset}/{arguments.scenario}"
    names = ["baselines", *arguments.generators]
    paths = {name: root / "metrics/classify" / item / f"{name}.json" for name in names}
    scores = {
        method: found
        for path in paths.values()
        for method, found in read_scores(path).root.items()
        if isinstance(found, MethodScores)
    }
    counts = root / "metrics/imbalance" / f"{item}.json"
    judged = judge(root, item, names, scores, read_required(counts, Counts))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_result(judged, Path(f"{arguments.out}_verdicts.json"))
    for name, path in {**paths, "counts": counts}.items():
        shutil.copyfile(path, f"{arguments.out}_{name}.json")
    print("\n".join(list_rows(scores, judged)))
    print(f"The best simple method by validation: {judged.best_simple}; draws needed: {judged.draws_needed}")


def judge(root: Path, item: str, names: list[str], scores: dict[str, MethodScores], counts: Counts) -> Judged:
    """Return the verdicts that the report of this table would have."""
    file = read_params_file(root / "params.yaml")
    table = file.section("table", Table).model_copy(update={"generators": names[1:]})
    paths = [root / "data/predictions" / item / f"{name}.parquet" for name in names]
    classes = list(counts.root.values())
    said = read_predictions(paths, list(scores), [own.test for own in classes])
    minority = [label for label, own in enumerate(classes) if own.minority]
    rng = np.random.default_rng(derive_seed(file.run.seed, item, "verdict"))
    resampled = bootstrap_scores(said.actual, said.predicted, minority, len(classes), RESAMPLES, rng)
    return judge_all(scores, table, resampled)


def list_rows(scores: dict[str, MethodScores], judged: Judged) -> list[str]:
    """Return a line for each method: accuracy, minority F1, balanced accuracy, verdict, change, interval, would see."""
    rows = []
    for name, own in scores.items():
        cells = [[getattr(draw, key) for draw in own.draws] for key in ("accuracy", "minority_f1", "balanced_accuracy")]
        numbers = [f"{fmean(values):.4f} ± {stdev(values):.4f}" for values in cells]
        found = judged.against_imbalanced.minority_f1.get(name)
        said = ["", "", "", ""]
        if found is not None:
            low, high = found.interval
            word = found.verdict.replace("margin", f"{found.margin:g}")
            said = [word, f"{found.mean_change:+.4f}", f"{low:+.4f} {high:+.4f}", f"{found.detectable_change:.4f}"]
        rows.append(f"| {' | '.join([name, *numbers, *said])} |")
    return rows


if __name__ == "__main__":
    main()
