"""params.yaml as typed, validated objects; nothing here imports torch."""

import hashlib
import importlib
import re
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, Field, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from stages.blocks import Block, parse_block, suggestion
from stages.errors import UserError

NAME = re.compile(r"[a-z0-9_]+")
RESERVED = {
    "balanced",
    "baselines",
    "features",
    "imbalanced",
    "pairs",
    "real",
    "reference",
    "reweighted",
    "synthetic",
    "test",
    "train",
}
SECTIONS = ("datasets", "scenarios", "generators", "pairs")
FOLDER = Path(__file__).parent

Share = Annotated[float, Gt(0), Lt(1)]
Positive = Annotated[int, Ge(1)]
Name = Literal[
    "alexnet",
    "mobilenet_v2",
    "vgg13_bn",
    "vgg16_bn",
    "mnasnet1_0",
    "mnasnet0_5",
    "resnet152",
    "resnext101_32x8d",
    "inception_v3",
]


def without_repetition(names: list[str]) -> list[str]:
    """Let pass a list in which no name stands twice.

    Raises:
        ValueError: one does.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"'{twice[0]}' stands there twice")
    return names


class Table(Block):
    """Which rows are made: every generator on every dataset in every scenario; and which pairs are compared."""

    datasets: list[str]
    scenarios: Annotated[list[str], MinLen(1)]
    generators: Annotated[list[str], MinLen(1)]
    pairs: list[str]


class Dataset(Block):
    """What every dataset has, whatever its source; the source's own settings stand beside these."""

    source: str
    minority: Annotated[list[str], AfterValidator(without_repetition)] = Field(default_factory=list)
    """Classes that a `drop` scenario thins out and whose precision, recall and F1 are the headline; empty: the
    smallest (longtail), or all below the average size that get images (natural)."""
    keep_split: bool = True
    """Keep the train/test split the source brings; a source without one is always split here."""
    test_share: Share = 0.3
    """Share of the images that become the test part where a split is made (balancing thesis, 5.2)."""

    @field_validator("minority", mode="before")
    @classmethod
    def class_names_as_text(cls, value: object) -> object:
        """Take `- 4` for `- "4"`: YAML reads an unquoted digit as a number."""
        numbers = isinstance(value, list) and all(isinstance(name, str | int) for name in value)
        return [str(name) for name in value] if numbers and isinstance(value, list) else value


class Pair(Block):
    """What every pair has, whatever its source; the source's own settings stand beside these."""

    source: str
    images: Positive | None = None
    """At most this many images of either side, drawn at random; null: all."""


class Drop(Block):
    """Drop a share of every minority class from the training part (balancing thesis, 5.2)."""

    kind: Literal["drop"]
    share: Share


class Longtail(Block):
    """Let the class sizes fall geometrically until the largest is `ratio` times the smallest."""

    kind: Literal["longtail"]
    ratio: Annotated[float, Gt(1)]


class Natural(Block):
    """Leave the training part as it is, and fill small classes up."""

    kind: Literal["natural"]
    cap: Positive | None = None
    """Fill every class up to this many images at most; larger ones keep theirs and get none. null: to the largest."""


SCENARIOS: dict[str, type[Drop] | type[Longtail] | type[Natural]] = {
    "drop": Drop,
    "longtail": Longtail,
    "natural": Natural,
}
Scenario = Drop | Longtail | Natural


class Train(Block):
    """The training loop."""

    previews: Annotated[int, Ge(0)] = 8
    """How many grids of samples are drawn during a training."""
    preview_columns: Positive = 8
    """Images per class in such a grid."""
    checkpoint_seconds: Annotated[float, Ge(0)] = 60.0
    """At the end of an epoch a checkpoint is written if the last one is this old."""
    augment: Annotated[list[Literal["colour", "translation", "cutout"]], AfterValidator(without_repetition)] = Field(
        default_factory=list
    )
    """Differentiable augmentation for generators with a discriminator."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Format in which networks multiply."""
    compile: bool = False
    """Translate networks with torch.compile."""


class Synthesize(Block):
    """How many images a generator makes."""

    per_class: Positive | None = None
    """Images of every class that needs some, whatever a scenario's cap; null: as many as restore the balance."""


class Extract(Block):
    """Feature extraction with the backbones."""

    backbones: Annotated[list[Name], MinLen(1), AfterValidator(without_repetition)]
    weights: str = "random"
    """`random`, `imagenet`, or a folder that holds a file of weights for each backbone; inception_v3 has its own."""
    input_size: Annotated[int, Ge(63), Le(1024)] = 224
    """Side in pixels to which images are resized; AlexNet's pooling needs 63, ImageNet weights saw 224."""
    batch_size: Positive = 64
    images: Positive | None = None
    """At most this many images of a set, drawn at random; null: all."""


class Compare(Block):
    """Statistics between real and synthetic features."""

    test: Literal["welch", "student"] = "welch"
    alpha: Share = 0.05
    effect_size: Annotated[float, Gt(0)] = 0.2
    """A feature with |Cohen's d| above this counts as different whatever its p-value; 0.2: a small effect."""
    repeats: Positive = 20
    """Random halves over which each statistic is averaged."""
    components: Positive = 64
    """Principal components of both sets together in which the Gaussian KL is taken, at most."""
    ssim_pairs: Positive = 500
    """Random pairs of images of one class whose structural similarity is averaged."""
    copy_quantile: Share = 0.01
    """A synthetic image nearer to a training image than all but this share of other real images is a likely copy."""


class Discriminate(Block):
    """The style classifier (distributions thesis, 4.1.1), which is to tell synthetic images from real ones."""

    sizes: Annotated[list[Annotated[int, Ge(4), Le(1024)]], MinLen(1)] = Field(default=[224, 128, 64, 32])
    """Sides in pixels to which images are brought, a network each."""
    enlarge: Annotated[float, Ge(1)] = 2.0
    """Sizes are left out that would blow the images up further than this; if all would, their own size is taken."""
    epochs: Positive = 10
    steps: Annotated[int, Ge(0)] = 1000
    """Small sets get more epochs, until so many steps are made; 0: the thesis's ten epochs, come what may."""
    batch_size: Positive = 16
    learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-4
    test_share: Share = 0.3
    seeds: Positive = 3
    """Trainings for each size, each with a split and first weights of its own."""
    images: Annotated[int, Ge(10)] = 2000
    """At most so many images of either side, drawn at random."""


class Latent(Block):
    """The latent space of an autoencoder of real and synthetic images together (distributions thesis, 3.2 and 4.2)."""

    network: Literal["residual_vae", "pretrained_vae"] = "residual_vae"
    """The generator whose encoder and decoder are used."""
    autoencoder: dict[str, Any] = Field(default_factory=dict)
    """Its settings; what is left out takes the default of the generator's file, which is the thesis's."""
    steps: Annotated[int, Ge(0)] = 1000
    """Small sets get more epochs, until so many steps are made; 0: as many epochs as the settings say."""
    components: Positive = 64
    """Principal components in which the optimal map turns and stretches, at most."""
    images: Annotated[int, Ge(10)] = 2000
    """At most so many images of either side, drawn at random."""
    backbones: Annotated[list[Name], MinLen(1), AfterValidator(without_repetition)] = Field(default=["mobilenet_v2"])
    """Whose features of the moved images are compared with real ones."""
    seeds: Positive = 1
    """Trainings of the style classifier for each kind of moved images."""


class Classify(Block):
    """Retraining of classifiers."""

    seeds: Annotated[int, Ge(2)] = 6
    """Trainings per variant, paired over the variants; below six no two-sided sign-flip test reaches 0.05."""
    validation_share: Share = 0.25
    """Share of the training images that selects the epoch (balancing thesis, 5.3)."""


class Classifier(Block):
    """The classifier of one dataset and its training."""

    network: Literal["mnist_cnn", "vehicles_cnn", "cifar10_cnn"]
    epochs: Positive
    batch_size: Annotated[int, Ge(2)] = 64
    """At least two: batch normalisation has nothing to normalise a single image with."""
    learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-3


class Params(Block):
    """The whole file. Blocks of datasets, pairs, scenarios and generators are validated when they are used.

    Every section must be there, since the graph in dvc.yaml names it; its keys may take their defaults.
    """

    seed: Annotated[int, Ge(0)]
    device: str = Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    table: Table
    datasets: dict[str, dict[str, Any]]
    pairs: dict[str, dict[str, Any]]
    scenarios: dict[str, dict[str, Any]]
    generators: dict[str, dict[str, dict[str, Any]]]
    train: Train
    synthesize: Synthesize
    extract: Extract
    compare: Compare
    discriminate: Discriminate
    latent: Latent
    classify: Classify
    classifiers: dict[str, Classifier]


def load_params(path: Path) -> Params:
    """Read and validate params.yaml.

    Raises:
        UserError: the file is missing, is not YAML, or asks for something that cannot be.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; stages run in the project's root or take --params FILE")
    try:
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:  # its text goes on about switching checks off
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise UserError(f"{path}: not valid YAML: {line}{error.problem or error.context}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {error}") from error
    params = parse_block(Params, values, str(path))
    check_names(params, path)
    check_table(params, path)
    return params


def check_names(params: Params, path: Path) -> None:
    """Refuse names that would make two stages of the graph one, or hide a folder of the layout."""
    for section in SECTIONS:
        for name in getattr(params, section):
            if not NAME.fullmatch(name) or name in RESERVED:
                taken = f", and not {', '.join(sorted(RESERVED))}"
                raise UserError(f"{path}: {section}.{name}: names consist of a-z, 0-9 and _{taken}")


def check_table(params: Params, path: Path) -> None:
    """Refuse a table that names what no block describes."""
    if both := sorted({*params.datasets} & {*params.pairs}):
        raise UserError(f"{path}: pairs.{both[0]}: a dataset is called so, too; both would use images/{both[0]}")
    for section in SECTIONS:
        names, blocks = getattr(params.table, section), getattr(params, section)
        for name in names:
            if name not in blocks:
                raise UserError(
                    f"{path}: table.{section}: there is no block {section}.{name}{suggestion(name, blocks)}"
                )
        if len(set(names)) < len(names):
            raise UserError(f"{path}: table.{section}: a name stands there twice")
    if not params.table.datasets and not params.table.pairs:
        raise UserError(f"{path}: table: neither a dataset nor a pair stands there")
    for dataset in params.table.datasets:
        if dataset not in params.classifiers:
            raise UserError(f"{path}: classifiers.{dataset}: missing; it says how classifiers of {dataset} are trained")
        for generator in params.table.generators:
            if dataset not in params.generators[generator]:
                raise UserError(
                    f"{path}: generators.{generator}.{dataset}: missing; write '{dataset}: {{}}' there for the defaults"
                )


class DatasetPlan(NamedTuple):
    """A dataset's common settings, the module of its source, and the settings of that source."""

    common: Dataset
    source: ModuleType
    settings: Block


class PairPlan(NamedTuple):
    """A pair's common settings, the module of its source, and the settings of that source."""

    common: Pair
    source: ModuleType
    settings: Block


def dataset_plan(params: Params, name: str) -> DatasetPlan:
    """Return everything that params.yaml says about a dataset, validated."""
    block = params.datasets[one_of(name, params.datasets, "--dataset")]
    return DatasetPlan(*source_plan(block, Dataset, "sources", f"params.yaml: datasets.{name}"))


def pair_plan(params: Params, name: str) -> PairPlan:
    """Return everything that params.yaml says about a pair, validated."""
    block = params.pairs[one_of(name, params.pairs, "--pair")]
    return PairPlan(*source_plan(block, Pair, "pairs", f"params.yaml: pairs.{name}"))


CommonType = TypeVar("CommonType", bound=Block)


def source_plan(
    block: dict[str, Any], model: type[CommonType], folder: str, where: str
) -> tuple[CommonType, ModuleType, Block]:
    """Return the common settings in a block, the module of its source in `folder`, and the settings of that source."""
    if "source" not in block:
        raise UserError(f"{where}.source: missing; allowed: {', '.join(modules_in(folder))}")
    source = importlib.import_module(
        f"stages.{folder}.{one_of(str(block['source']), modules_in(folder), f'{where}.source')}"
    )
    own = source.Settings.model_fields
    for key in block:
        if key not in model.model_fields and key not in own:
            raise UserError(f"{where}.{key}: unknown key{suggestion(key, {*model.model_fields, *own})}")
    common = parse_block(model, {key: block[key] for key in block if key in model.model_fields}, where)
    settings = parse_block(source.Settings, {key: block[key] for key in block if key in own}, where)
    return common, source, settings


def scenario_settings(params: Params, name: str) -> Scenario:
    """Return the settings of a scenario."""
    where = f"params.yaml: scenarios.{name}"
    block = params.scenarios[one_of(name, params.scenarios, "--scenario")]
    if "kind" not in block:
        raise UserError(f"{where}.kind: missing; allowed: {', '.join(SCENARIOS)}")
    return parse_block(SCENARIOS[one_of(str(block["kind"]), SCENARIOS, f"{where}.kind")], block, where)


def generator_block(params: Params, generator: str, dataset: str) -> dict[str, Any]:
    """Return the block of a generator for a dataset, as it stands in the file."""
    blocks = params.generators[one_of(generator, params.generators, "--generator")]
    return blocks[one_of(dataset, blocks, f"params.yaml: generators.{generator}")]


def one_of(name: str, allowed: Iterable[str], where: str) -> str:
    """Return `name`, or raise a UserError that offers the nearest allowed one."""
    if name not in allowed:
        raise UserError(f"{where}: there is no '{name}'{suggestion(name, allowed)}")
    return name


def modules_in(folder: str) -> list[str]:
    """Return the names of the modules of a folder of `stages`, without importing them."""
    return sorted(
        path.stem for path in (FOLDER / folder).glob("*.py") if not path.stem.startswith(("__init__", "base"))
    )


def derived_seed(seed: int, *names: str) -> int:
    """Return a 63-bit seed that depends on `seed` and the item's names alone, so that items are independent."""
    digest = hashlib.sha256("/".join([str(seed), *names]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
