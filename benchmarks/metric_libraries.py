"""How long two-sample statistics take beside libraries that have them, of the same features, and whether they agree.

    python -m benchmarks.metric_libraries --out metrics/benchmarks/metric_libraries.json

torch-fidelity is a dependency; clean-fid and prdc are those of the group `bench`, which `make bench` installs. Each
library's own functions are called on tables of float32 features, as are this project's, in turn, several times, but
once where that takes long: medians. Frechet distances, and precision, recall, density and coverage, are of all images.
KID is of all pairs here; the libraries' is so, too, where they are asked for one subset of all images, and of 100
random subsets of 1,000 as they have it by themselves. Differences are relative; of fractions the largest is told.
"""

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from benchmarks.two_sample import make_features
from counterweight.cli.gallery import name_hardware
from counterweight.statistics.base.resampling import Features
from counterweight.statistics.two_sample import frechet, kid, prdc
from counterweight.statistics.two_sample.prdc import NEIGHBOURS

DIMENSION = 2048
LONG = 5.0
"""Seconds; a call that takes longer is made once."""
Numbers = Mapping[str, float]
Call = Callable[[Features, Features], Numbers]
"""What two sets of features, the first one real, are given to."""
RNG = np.random.default_rng(0)
"""No statistic here draws from it."""


def call_fidelity_frechet(real: Features, synthetic: Features) -> Numbers:
    """Return torch-fidelity's Frechet distance."""
    facts = [fid_features_to_statistics(torch.from_numpy(table)) for table in (real, synthetic)]
    return {"distance": fid_statistics_to_metric(*facts, verbose=False)["frechet_inception_distance"]}


def call_fidelity_kid(real: Features, synthetic: Features, subsets: int = 1, size: int | None = None) -> Numbers:
    """Return torch-fidelity's KID, of all pairs unless subsets are named."""
    tables, size = [torch.from_numpy(table) for table in (real, synthetic)], size or len(real)
    found = kid_features_to_metric(*tables, kid_subsets=subsets, kid_subset_size=size, verbose=False)
    return {"distance": found[KEY_METRIC_KID_MEAN]}


def call_fidelity_prc(real: Features, synthetic: Features) -> Numbers:
    """Return torch-fidelity's precision and recall; it has no density and no coverage."""
    tables = [torch.from_numpy(table) for table in (synthetic, real)]
    found = prc_features_to_metric(*tables, prc_neighborhood=NEIGHBOURS, prc_batch_size=10_000, verbose=False)
    return {name: found[name] for name in ("precision", "recall")}


def call_cleanfid_frechet(real: Features, synthetic: Features) -> Numbers:
    """Return clean-fid's Frechet distance."""
    from cleanfid import fid

    with warnings.catch_warnings():  # it calls a function of SciPy as older ones have it
        warnings.simplefilter("ignore", DeprecationWarning)
        return {"distance": float(fid.fid_from_feats(real, synthetic))}


def call_cleanfid_kid(real: Features, synthetic: Features, subsets: int = 1, size: int | None = None) -> Numbers:
    """Return clean-fid's KID, of all pairs unless subsets are named."""
    from cleanfid import fid

    return {"distance": fid.kernel_distance(real, synthetic, subsets, size or len(real))}


def call_prdc(real: Features, synthetic: Features) -> Numbers:
    """Return the four numbers of the package by the authors of density and coverage."""
    from prdc import compute_prdc

    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):  # it prints sizes
        found: Numbers = compute_prdc(real, synthetic, NEIGHBOURS)
        return found


OURS: dict[str, Call] = {
    "frechet": lambda real, synthetic: frechet.STATISTIC.compare(real, synthetic, RNG),
    "kid": lambda real, synthetic: kid.STATISTIC.compare(real, synthetic, RNG),
    "prdc": lambda real, synthetic: prdc.STATISTIC.compare(real, synthetic, RNG),
}
OTHERS: dict[str, dict[str, Call]] = {
    "frechet": {"torch-fidelity": call_fidelity_frechet, "clean-fid": call_cleanfid_frechet},
    "kid": {
        "torch-fidelity": call_fidelity_kid,
        "clean-fid": call_cleanfid_kid,
        "torch-fidelity, 100 subsets of 1,000": lambda real, other: call_fidelity_kid(real, other, 100, 1000),
        "clean-fid, 100 subsets of 1,000": lambda real, other: call_cleanfid_kid(real, other, 100, 1000),
    },
    "prdc": {"torch-fidelity, two of the four": call_fidelity_prc, "prdc": call_prdc},
}
LEAST = {name: 1000 for name in OTHERS["kid"] if "subsets" in name}
"""Images without which a call cannot be made."""


def take_apart(ours: Numbers, theirs: Numbers, name: str) -> float:
    """Return by how much numbers of a statistic differ, relative to ours but for fractions."""
    apart = [abs(theirs[key] - ours[key]) / (1 if name == "prdc" else abs(ours[key])) for key in theirs]
    return float(f"{max(apart):.1e}")


def measure(name: str, count: int, rounds: int) -> dict[str, object]:
    """Measure a statistic; a call's first time, which warms up, does not count, unless it is too long for another."""
    real, synthetic = make_features(count, DIMENSION, 0.0, 1), make_features(count, DIMENSION, 0.05, 2)
    calls = {"here": OURS[name]} | {own: call for own, call in OTHERS[name].items() if count >= LEAST.get(own, 0)}
    taken: dict[str, list[float]] = {own: [] for own in calls}
    found: dict[str, Numbers] = {}
    for _ in range(rounds + 1):
        for own, call in calls.items():
            if taken[own] and taken[own][0] > LONG:
                continue
            time.sleep(0.5)  # threads that another library woke wait busily for more
            started = time.perf_counter()
            found[own] = call(real, synthetic)
            taken[own].append(time.perf_counter() - started)
    seconds = {own: statistics.median(each[1:] or each) for own, each in taken.items()}
    others = {
        own: {
            "seconds": round(seconds[own], 3),
            "time_ratio": round(seconds[own] / seconds["here"], 1),
            "difference": take_apart(found["here"], found[own], name),
        }
        for own in calls
        if own != "here"
    }
    return {"images": count, "dimension": DIMENSION, "seconds": round(seconds["here"], 3), "others": others}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--counts", type=int, nargs="+", default=[500, 5000], help="images of either side")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    arguments = parser.parse_args()
    if missing := [name for name in ("cleanfid", "prdc") if find_spec(name) is None]:
        raise SystemExit(f"not installed: {', '.join(missing)}; uv pip install --no-deps --group bench")
    found: dict[str, object] = {
        name: [measure(name, count, arguments.rounds) for count in arguments.counts] for name in OURS
    }
    found |= {"on": name_hardware(torch.device("cpu")), "numpy": np.__version__}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
