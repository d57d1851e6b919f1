"""Results of recognition by hand: real triplets, reconstructed ones, and two kinds of sampled ones."""

from collections.abc import Mapping

from counterweight.reporting.recognition import Recognition
from counterweight.reporting.recognition_verdicts import Judged, RecognitionVerdicts, Share
from counterweight.results.recognize import UNTRAINED, Accuracies, RecognizeResult, RowDraw, RowResult
from counterweight.results.triplets import SetResult, TripletsResult
from counterweight.results.vae_experiment import Difference, Losses, RunDraw, RunResult, VaeResult
from counterweight.settings.triplets import Sampled
from counterweight.statistics.verdict import Verdict
from tests.reporting.made import change

ACCURACIES = Accuracies(rank1=0.1, recall5=0.2, recall10=0.3, triplet=0.5, margin=0.1)
GAINS = {"real": 0.2, "blurred": 0.1, "printed": 0.05, "other": 0.15}


def sampled(**settings: object) -> SetResult:
    """Return a set that is sampled as printed, but for some settings."""
    own = Sampled.model_validate({"kind": "sampled", "autoencoder": "vanilla", **settings})
    return of_kind("sampled", own.model_dump())


def of_kind(kind: str, settings: dict[str, object]) -> SetResult:
    """Return a set of some kind."""
    facts = {"kind": kind, "autoencoder": None if kind == "real" else "vanilla", "settings": settings}
    return SetResult.model_validate({**facts, "train": 5, "validation": 1, "distance_ratio": None, "cosine": None})


def autoencoders() -> VaeResult:
    losses = Losses(squared_error=9.0, kl=4.0, batch_reconstruction=288.0, batch_elbo=292.0, nats=100.0)
    draws = [RunDraw(training=losses, validation=losses)] * 2
    facts = {"settings": {"latent_dim": 8, "epochs": 3}, "parameters": 9, "training_images": 8, "validation_images": 1}
    names = {"vanilla": "vanilla_vae", "variant": "variant_vae"}
    runs = {name: RunResult(autoencoder=kind, draws=draws, **facts) for name, kind in names.items()}  # type: ignore[arg-type]
    found = Difference(
        vanilla="vanilla",
        variant="variant",
        part="training",
        loss="kl",
        mean=-1.0,
        interval=[-2.0, 0.0],
        answer="undecided",
        thesis="lower",
    )
    return VaeResult(runs=runs, differences=[found])


def recognition(gains: Mapping[str, Verdict] | None = None, gap: bool = True) -> Recognition:
    """Return everything of one dataset, three draws of each network.

    Args:
        gains: against the untrained network; None: all networks are better.
        gap: whether real triplets surely help.
    """
    sets = {
        "real": of_kind("real", {}),
        "blurred": of_kind("reconstructed", {}),
        "printed": sampled(),
        "other": sampled(negative="other"),
    }
    draws = [RowDraw(epoch=2, training=ACCURACIES, validation=ACCURACIES, test=ACCURACIES)] * 3
    rows = {name: RowResult(sets=[name], train=5, validation=1, draws=draws) for name in sets}
    untrained = RowResult(sets=[], train=0, validation=0, draws=draws)
    gains = gains or {name: change("helps", gain) for name, gain in GAINS.items()}
    shares = {name: Share(mean=GAINS[name] / 0.2, interval=[GAINS[name] / 0.2 - 0.1, 1.1]) for name in sets}
    judged = Judged(against_untrained=dict(gains), share_of_gap=shares if gap else {})
    return Recognition(
        "digits",
        autoencoders(),
        TripletsResult(sets=sets, test=1234, by_image=False),
        RecognizeResult(
            backbone="small_cnn",
            frozen=True,
            mining="batch",
            test=1234,
            chance=ACCURACIES,
            rows={UNTRAINED: untrained, **rows},
        ),
        RecognitionVerdicts.model_validate(dict.fromkeys(RecognitionVerdicts.model_fields, judged)),
    )
