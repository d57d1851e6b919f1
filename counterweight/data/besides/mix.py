"""How many images of each class two sets have, and how many are compared so that both have the same mix."""

from collections.abc import Mapping

from counterweight.data.besides.files import are_mixed_differently
from counterweight.data.sources.base.class_folders import SharedClasses
from counterweight.results.files import ClassMix, Equalised

NAMED = 4  # classes that a sentence names at most


def compare_mix(classes: SharedClasses | None) -> ClassMix | None:
    """Return how many images of each class both sides have, if they are mixed differently; None if not."""
    if classes is None:
        return None
    real, synthetic = classes.count_images()
    if not are_mixed_differently(real, synthetic):
        return None
    return ClassMix(real=real, synthetic=synthetic, difference=name_difference(real, synthetic))


def name_difference(real: Mapping[str, int], synthetic: Mapping[str, int]) -> str:
    """Name the classes whose shares differ most, in the order of their names."""
    totals = sum(real.values()), sum(synthetic.values())
    names = [*dict.fromkeys([*real, *synthetic])]
    apart = {name: abs(real.get(name, 0) / totals[0] - synthetic.get(name, 0) / totals[1]) for name in names}
    most = sorted(names, key=lambda name: -apart[name])[:NAMED]
    shown = [name for name in names if name in most]
    mixes = [", ".join(f"{side.get(name, 0)} {name}" for name in shown) for side in (real, synthetic)]
    others = f"; {len(names) - len(shown)} other classes" if len(names) > len(shown) else ""
    return f"class mix ({mixes[0]} against {mixes[1]}{others})"


def describe_same_mix(mix: ClassMix, steps: list[str]) -> Equalised:
    """Return what makes both sides the same, the mix among it: of each class as many as the side with fewer has.

    Args:
        steps: what is done beside it.
    """
    images = {name: min(count, mix.synthetic[name]) for name, count in mix.real.items() if name in mix.synthetic}
    only = {"real": mix.list_only("real"), "synthetic": mix.list_only("synthetic")}
    left_out = {side: classes for side, classes in only.items() if classes}
    return Equalised(steps=steps, images=images, left_out=left_out)
