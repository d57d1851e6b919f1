"""The page: what it says, that it needs no network, and that a browser draws it."""

import base64
import io
import json
import re
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import cast

import numpy as np
import pytest
from PIL import Image

from counterweight.core.params_file import read_params_file
from counterweight.plots.figures import picture_figure
from counterweight.reporting.markdown import Grid
from counterweight.reporting.page.charts import draw_backbones, draw_changes, draw_confusion, draw_counts, find_range
from counterweight.reporting.page.contents import build_sections, share_room, write_glossary
from counterweight.reporting.page.curves import read_losses
from counterweight.reporting.page.dvc_plots import TEMPLATE, render_template
from counterweight.reporting.page.page import render_page, write_data
from counterweight.reporting.page.pictures import Pictures
from counterweight.reporting.page.provenance import flatten, list_data, list_settings, list_times, read_lock
from counterweight.reporting.page.times import name_device, read_times, write_time
from counterweight.reporting.results import Everything, Results, Verdicts
from counterweight.settings.table import Table
from tests.browser import Page, open_browser
from tests.reporting.made import change, comparison, counts, judged, results
from tests.reporting.made_recognition import recognition

ROOT = Path(__file__).parents[2]
NAME = "smote"


def made() -> Results:
    gains = {"balanced": change(mean=0.05), NAME: change(mean=0.02)}
    simple = Verdicts(reference="mixup", minority_f1={NAME: change()}, balanced_accuracy={NAME: change()})
    given = results()
    matrix = [[6, 1], [2, 3]]
    scored = {
        name: own.model_copy(update={"draws": [draw.model_copy(update={"confusion": matrix}) for draw in own.draws]})
        for name, own in given.scores.items()
    }
    return replace(given, scores=scored | {"mixup": scored[NAME]}, judged=judged(gains, gains, simple))


def draw_pictures(plots: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for path in (
        f"compare/digits/drop75/{NAME}/nearest.png",
        f"latent/digits/drop75/{NAME}/moved.png",
        "triplets/digits/printed.png",
        "vae_experiment/digits/vanilla/training.png",
    ):
        (plots / path).parent.mkdir(parents=True)
        wide = np.tile(noise, (8, 24, 1))  # 1440 x 320, as a strip of ten
        Image.fromarray(wide if "moved" in path else noise).save(plots / path)


def write_page(folder: Path) -> Path:
    draw_pictures(folder / "plots")
    found, recognized = Everything([made()], {"scans": comparison(0.5)}), {"digits": recognition()}
    sections, left_out = build_sections(found, recognized, folder / "plots")
    settings = [
        ["seed", "0"],
        ["latent.autoencoders.pretrained_vae.learning_rate", "0.001"],
        ["table.recipes", ", ".join(["balanced_softmax"] * 9)],
    ]
    provenance = {
        "Settings": Grid(["setting", "value"], settings),
        "Versions": Grid(["part", "version"], [["<Python>", "3"]]),
        "Nothing": Grid(["part"], []),
    }
    path = folder / "report.html"
    path.write_text(render_page(sections, write_glossary(found, recognized), provenance, left_out), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("page"))


class Outline(HTMLParser):
    """What the page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_needs_no_network(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    outline = Outline(text)
    addresses = [own[key] or "" for _, own in outline.tags for key in ("src", "href", "srcset", "poster") if key in own]
    assert addresses
    assert all(address.startswith(("#", "data:image/webp;base64,")) for address in addresses)
    assert not outline.of("link")
    assert "url(" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert page.stat().st_size < 10_000_000


def test_every_picture_has_words_and_headings_have_no_gaps(page: Path) -> None:
    outline = Outline(page.read_text(encoding="utf-8"))
    assert len(outline.of("img")) == 4
    assert all(own["alt"] and own["width"] for own in outline.of("img"))
    assert all(own["aria-label"] for own in outline.of("figure") if own.get("class") == "chart")
    levels = [int(name[1]) for name, _ in outline.tags if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len({own["id"] for _, own in outline.tags if "id" in own}) == sum("id" in own for _, own in outline.tags)


def test_the_answer_comes_first_and_everything_is_escaped(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.index("Use the synthetic images of <code>smote</code>") < text.index("<table")
    assert "&lt;Python&gt;" in text
    assert "<Python>" not in text
    assert "Nothing</summary>" not in text
    assert "<h2>Pair scans</h2>" in text
    assert "<h2>digits, recognition</h2>" in text


def test_every_method_and_every_column_is_in_the_glossary(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    glossary = re.findall(r"<dt>(.*?)</dt>", text)
    assert {"imbalanced", NAME, "mixup", "rank-1", "effective", "modes", "copies"} <= {*glossary}
    assert "<dd>No synthetic images: Batches of mixtures of two images and their labels.</dd>" in text
    nothing = write_glossary(Everything([], {}), {})
    assert nothing == {}
    assert "verdict" not in write_glossary(Everything([], {"scans": comparison(0.5)}), {})


def test_every_number_of_a_difference_says_what_it_is_and_of_how_much(tmp_path: Path) -> None:
    (section,), _ = build_sections(Everything([made()], {}), {}, tmp_path)
    folds = {fold.title: fold.tables for fold in section.folds}
    where, moved = folds["In a latent space"]
    assert where.notes["within"] == "Likewise between halves of the synthetic images."  # of latents, not of features
    own, others = folds["How synthetic images differ, in numbers"]
    assert own.notes["within"].startswith("The same between two halves of the synthetic images. Unit:")
    for table in (own, others, where, moved):
        assert set(table.grid.header[1:]) <= set(table.notes)
    of_halves = [own, others, *folds["Every feature space"][:3]]
    assert all(table.context.endswith("; 50 images against 50, 10 draws of halves") for table in of_halves)


def test_nothing_in_a_chart_ends_its_script() -> None:
    text = str(write_data({"title": "</script><b>\u2028"}))
    assert "<" not in text
    assert "\u2028" not in text
    assert json.loads(text) == {"title": "</script><b>\u2028"}


def test_same_results_same_bytes(page: Path, tmp_path: Path) -> None:
    assert write_page(tmp_path).read_bytes() == page.read_bytes()


def test_pictures_without_room_are_named_not_shown(tmp_path: Path) -> None:
    draw_pictures(tmp_path)
    path = tmp_path / f"compare/digits/drop75/{NAME}/nearest.png"
    pictures = Pictures(room=100)
    found = pictures.embed(path, "a picture")
    assert found is not None
    assert (found.data, found.width, found.height) == (None, 60, 40)
    assert pictures.left_out == [path]
    assert Pictures().embed(tmp_path / "none.png", "nothing") is None
    ample = Pictures()
    whole = ample.embed(path, "a picture")
    assert whole is not None
    assert whole.data is not None
    assert Pictures().room - ample.room == len(whole.data)


def test_a_picture_without_a_background_keeps_none(tmp_path: Path) -> None:
    picture_figure([("grey", [("0.5", np.zeros((1, 8, 8), dtype=np.uint8))])], tmp_path / "figure.png")
    found = Pictures().embed(tmp_path / "figure.png", "a picture")
    assert found is not None
    assert found.data is not None
    with Image.open(io.BytesIO(base64.b64decode(found.data.partition(",")[2]))) as image:
        corner, middle = (
            image.convert("RGBA").getpixel(place) for place in ((0, 0), (found.width // 2, found.height // 2))
        )
    assert isinstance(corner, tuple)
    assert isinstance(middle, tuple)
    assert (corner[3], middle[3]) == (0, 255)


def test_intervals_end_inside_the_axis() -> None:
    found = {"smote": change(mean=0.02), "balanced": change(mean=-0.05)}
    low, high = find_range({"imbalanced": found}, 0.01)
    ends = [end for own in found.values() for end in own.interval]
    assert low < min(ends) - 0.03 * (max(ends) - min(ends))
    assert high > max(ends) + 0.03 * (max(ends) - min(ends))
    spec = draw_changes({"imbalanced": found}, "F1", {})
    assert all(layer["encoding"]["x"]["scale"] == {"domain": [low, high], "nice": False} for layer in spec["layer"])


def test_sections_share_the_room_for_pictures() -> None:
    pictures = Pictures(room=900)
    shares = share_room(pictures, 3)
    rooms = []
    for taken in (100, 400, 5):
        next(shares)
        rooms.append(pictures.room)
        pictures.room -= taken
    assert rooms == [300, 400, 400]


def test_losses_are_means_over_draws_at_most_so_many_points(tmp_path: Path) -> None:
    (tmp_path / "vae").mkdir()
    lines = [f"{draw},{epoch},autoencoder,{draw + epoch}" for draw in (0, 2) for epoch in range(1, 251)]
    (tmp_path / "vae/history.csv").write_text("\n".join(["draw,epoch,update,loss", *lines]) + "\n")
    (tmp_path / "smote").mkdir()
    (tmp_path / "smote/history.csv").write_text("draw,epoch,update,loss\n")
    found = read_losses(tmp_path, ["vae", "smote", "none"])
    assert len(found) == 84  # every third of 250 epochs
    assert found[:2] == [
        {"generator": "vae", "update": "autoencoder", "epoch": 1, "loss": 2.0},
        {"generator": "vae", "update": "autoencoder", "epoch": 4, "loss": 5.0},
    ]


def test_a_mark_says_unit_direction_and_of_how_much_it_is() -> None:
    spec = draw_backbones(made().comparisons)
    assert spec is not None
    shown = {tip["field"] for tip in spec["encoding"]["tooltip"]}
    assert shown >= {"value", "unit", "better", "images a half", "draws"}
    (kl, *_) = [own for own in spec["data"]["values"] if own["statistic"] == "KL to" and own["images"] != "real"]
    assert (kl["unit"], kl["better"], kl["draws"]) == ("nats", "as real images' is best", 10)


def test_a_matrix_of_too_many_classes_is_not_drawn() -> None:
    assert draw_confusion({"imbalanced": [[0] * 31] * 31}, [str(label) for label in range(31)]) is None
    spec = draw_confusion({"imbalanced": [[3, 1], [0, 0]]}, ["a", "b"])
    assert spec is not None
    assert [each["fraction"] for each in spec["data"]["values"]] == [0.75, 0.25, 0.0, 0.0]


def test_counts_add_up_to_what_classifiers_get() -> None:
    spec = draw_counts({"a": counts(2, 7, 5, True, before=12)})
    bars, ticks = (layer["data"]["values"] for layer in spec["layer"])
    assert [bar["count"] for bar in bars] == [2, 1, 7]
    assert ticks == [{"class": "a", "real, before": 12}]


def test_settings_are_those_that_differ_from_their_defaults() -> None:
    file = read_params_file(ROOT / "params.yaml")
    table = file.section("table", Table)
    rows = dict(list_settings(file, table).rows)
    assert rows["seed"] == str(file.run.seed)
    assert rows["datasets.digits.source"] == "digits"
    assert any(key.startswith("generators.cvae.digits.") for key in rows)
    assert "table.draws" not in rows  # It is the default.
    assert flatten("extract", {"weights": "/home/me/weights"}) == [["extract.weights", "a folder"]]


def test_data_are_named_by_what_dvc_wrote_down(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    outs = "".join(
        f"    - path: data/{name}.parquet\n      md5: {number * 32}\n      size: 1234\n"
        for name, number in (("digits/train", "a"), ("other/train", "b"))
    )
    lock.write_text(f"schema: '2.0'\nstages:\n  ingest@digits:\n    cmd: x\n    outs:\n{outs}")
    assert list_data(["digits"], read_lock(lock)).rows == [["data/digits/train.parquet", "a" * 32, "1,234"]]
    assert not list_data(["digits"], read_lock(tmp_path / "none"))
    lock.write_text("")  # as a full disk leaves it
    assert not list_data(["digits"], read_lock(lock))


def test_times_are_of_the_items_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    times = '{"stage": "%s", "seconds": 2, "cpu_seconds": 1, "peak_bytes": 1048576, "device": "cpu"}\n'
    Path("data/times.jsonl").write_text(times % "train@digits-drop75-cvae" + times % "train@other-drop75-cvae")
    names = ("check", "train@digits-drop75-cvae", "train@other-drop75-cvae", "classify@digits-drop75-cvae", "page")
    Path("dvc.lock").write_text("stages:\n" + "".join(f"  {name}:\n    cmd: x\n" for name in names))
    table = read_params_file(ROOT / "params.yaml").section("table", Table)
    assert [row[:2] for row in list_times(table, read_lock(Path("dvc.lock"))).rows] == [
        ["train@digits-drop75-cvae", "2.0 s"],
        ["check", "from a cache"],
        ["classify@digits-drop75-cvae", "from a cache"],
    ]
    assert [row[-1] for row in list_times(table, read_lock(Path("dvc.lock"))).rows] == ["cpu", "", ""]


def test_the_gpu_that_was_computed_on_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    used = {"is_initialized": lambda: True, "device_count": lambda: 3, "max_memory_allocated": lambda number: number}
    cuda = SimpleNamespace(**used, get_device_name=lambda number: f"GPU {number}")
    monkeypatch.setitem(sys.modules, "torch", cast(ModuleType, SimpleNamespace(cuda=cuda)))
    assert name_device() == "GPU 1, GPU 2"
    cuda.max_memory_allocated = lambda number: 0
    assert name_device() == "cpu"
    cuda.is_initialized = lambda: False
    assert name_device() == "cpu"


def test_a_time_is_written_down_in_each_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "train@digits")
    (tmp_path / "a/data").mkdir(parents=True)
    (tmp_path / "b/data").mkdir(parents=True)
    write_time(0.0, [tmp_path / name for name in "abc"])
    assert [*read_times(tmp_path / "a/data/times.jsonl")] == ["train@digits"]
    assert read_times(tmp_path / "a/data/times.jsonl") == read_times(tmp_path / "b/data/times.jsonl")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"stage": "train@di\x98its", "seconds": 3.0, "cpu_seconds": 3.0, "peak_bytes": 9}',
        b'{"stage": "train@digits", "seco\xffds": 3.0, "cpu_seconds": 3.0, "peak_bytes": 9}',
        b'{"stage": "train@digits", "seconds": NaN, "cpu_seconds": 3.0, "peak_bytes": 9}',
        b'{"stage": "train@digits", "seconds": "3.0", "cpu_seconds": 3.0, "peak_bytes": 9}',
        b'{"stage": ["train@digits"], "seconds": 3.0, "cpu_seconds": 3.0, "peak_bytes": 9}',
        b'{"stage": "train@digits", "seconds": 3.0, "cpu_seconds": 3.0, "peak_bytes": 9, "device": 1}',
        b"[]",
    ],
)
def test_a_damaged_time_counts_as_none(damaged: bytes, tmp_path: Path) -> None:
    """Flipped bits of a file that is in no result stop nothing."""
    good = {"stage": "train@digits", "seconds": 2.0, "cpu_seconds": 1.0, "peak_bytes": 5}
    (tmp_path / "times").write_bytes(json.dumps(good).encode() + b"\n" + damaged + b"\n")
    assert read_times(tmp_path / "times")["train@digits"] == good


def test_of_a_table_without_datasets_no_generators_are_told(tmp_path: Path) -> None:
    text = (ROOT / "params.yaml").read_text()
    assert "  datasets:\n  - digits\n" in text
    (tmp_path / "params.yaml").write_text(text.replace("  datasets:\n  - digits\n", "  datasets: []\n"))
    file = read_params_file(tmp_path / "params.yaml")
    rows = dict(list_settings(file, file.section("table", Table)).rows)
    assert not [key for key in rows if key.startswith(("table.generators", "table.recipes", "table.scenarios"))]


def test_the_last_run_of_a_stage_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_STAGE", "train@digits")
    write_time(0.0, [Path()])
    assert not (tmp_path / "data").exists()  # no workspace
    (tmp_path / "data").mkdir()
    write_time(0.0, [Path()])
    write_time(0.0, [Path()])
    with (tmp_path / "data/times.jsonl").open("a") as file:
        file.write('{"stage": "cut o')
    (found,) = read_times().values()
    assert found["stage"] == "train@digits"
    assert found["seconds"] >= found["cpu_seconds"] > 0
    assert found["peak_bytes"] > 2**20
    assert (found["host"], found["device"]) == (socket.gethostname(), "cpu")
    monkeypatch.delenv("DVC_STAGE")
    write_time(0.0, [Path()])
    assert len((tmp_path / "data/times.jsonl").read_text().splitlines()) == 3


def test_a_stage_does_not_fail_for_want_of_a_line_about_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_STAGE", "train@digits")
    (tmp_path / "data/times.jsonl").mkdir(parents=True)
    write_time(0.0, [Path()])
    assert capsys.readouterr().err == (
        "data/times.jsonl: Is a directory: how long train@digits took was not written down\n"
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with open_browser() as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_it(page: Path, browser: Page, width: int, scheme: str) -> None:
    browser.show(page.as_uri(), width, scheme)
    assert browser.errors == []
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("document.querySelectorAll('.chart svg').length") == 2  # the others are folded
    for fold in browser.run("[...document.querySelectorAll('summary')].map((each) => each.textContent)"):
        browser.click(f"summary:text-is({json.dumps(fold)}) >> nth=0")
    browser.wait("document.querySelectorAll('.chart svg').length >= 5")
    dark = browser.run("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    assert browser.errors == []


@pytest.mark.slow
def test_a_table_is_sorted_and_explained(page: Path, browser: Page) -> None:
    browser.show(page.as_uri(), 1440, "light")
    browser.click("summary:text-is('Every method in numbers')")
    cells = "[...document.querySelectorAll('table')[0].tBodies[0].rows].map((row) => row.cells[2].textContent)"
    references = browser.run(cells)[:2]  # what rows are compared with stays where it is
    assert sorted(references) == ["", "+0.0500"]
    browser.click("table >> nth=0 >> button:text-is('change')")
    assert browser.run(cells) == [*references, "+0.0200", ""]
    browser.click("table >> nth=0 >> button:text-is('change')")
    assert browser.run(cells) == [*references, "+0.0200", ""]
    browser.click("table >> nth=0 >> button:text-is('method')")
    assert browser.run(cells) == [*references, "", "+0.0200"]
    assert browser.run("document.querySelectorAll('table')[0].querySelectorAll('tr.reference').length") == 2
    browser.page.hover("table >> nth=0 >> button:text-is('change')")
    tip = browser.run("document.getElementById('tip').textContent")
    assert tip.startswith("change: Of the headline score against the reference, mean over the draws; higher is better")
    assert tip.endswith("(against imbalanced; 2 draws, 12 test images)")


@pytest.mark.slow
def test_a_finger_sorts_or_asks_but_not_both(page: Path, browser: Page) -> None:
    browser.show(page.as_uri(), 390, "light", touch=True)
    touched = browser.page
    touched.locator("summary:text-is('Every method in numbers')").tap()
    table = touched.locator("table").first
    order = "[...document.querySelectorAll('table')[0].tBodies[0].rows].map((row) => row.textContent)"
    before = browser.run(order)
    table.locator("th:has(button:text-is('verdict')) .note").tap()
    assert browser.run("document.getElementById('tip').textContent").startswith("verdict: Helps or hurts")
    box = touched.locator("#tip").bounding_box()
    assert (box["x"], round(box["x"] + box["width"]), round(box["y"] + box["height"])) == (8, 382, 892)
    assert browser.run(order) == before
    touched.keyboard.press("Escape")
    assert touched.locator("#tip").is_hidden()
    table.locator("td").first.tap()
    assert touched.locator("#tip").is_visible()
    table.locator("button:text-is('method')").tap()
    assert touched.locator("#tip").is_hidden()
    assert browser.run(order) != before
    assert browser.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("what", ["table", "img[alt='smote: latent space (moved)']"])
def test_what_is_wider_than_a_phone_says_so_until_its_end(page: Path, browser: Page, what: str) -> None:
    browser.show(page.as_uri(), 390, "light", touch=True)
    touched = browser.page
    title = "All pictures of smote" if "img" in what else "Every method in numbers"
    touched.locator(f"summary:text-is('{title}')").tap()
    scroll = touched.locator(f".scroll:has({what})").first
    hint = touched.locator(f".sideways:has({what}) > .hint").first
    hint.wait_for(state="visible")
    assert scroll.get_attribute("tabindex") == "0"
    assert scroll.get_attribute("aria-label")
    assert scroll.locator(what).bounding_box()["width"] >= 640  # ten in a row are 56 pixels wide, and more
    scroll.evaluate("own => { own.scrollLeft = own.scrollWidth; }")
    hint.wait_for(state="hidden")


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1440])
def test_settings_are_beside_their_names(page: Path, browser: Page, width: int) -> None:
    browser.show(page.as_uri(), width, "light")
    browser.click("summary:text-is('Settings')")
    table = browser.page.locator("#provenance table").first
    assert table.evaluate("own => own.offsetWidth <= own.parentElement.clientWidth")
    heights = table.evaluate("own => [...own.tBodies[0].rows].map((row) => row.offsetHeight)")
    assert width == 390 or heights[0] == heights[1]  # a name of any length in one line


@pytest.mark.slow
def test_what_fits_says_nothing(page: Path, browser: Page) -> None:
    browser.show(page.as_uri(), 1440, "light")
    scroll = browser.page.locator(".look .scroll").first
    assert scroll.get_attribute("tabindex") == "-1"
    assert browser.page.locator(".look .hint").first.is_hidden()


@pytest.mark.slow
def test_printed_are_all_tables_and_pictures_in_sight(page: Path, browser: Page) -> None:
    browser.show(page.as_uri(), 1440, "light")
    printed = browser.page
    printed.emulate_media(media="print")
    inner = printed.locator("details:has(summary:text-is('All pictures of smote'))")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert all(table.is_visible() for table in printed.locator("table").all())
    printed.set_viewport_size({"width": 717, "height": 900})  # A4 between a browser's margins
    excess = "[...document.querySelectorAll('table')].map(own => own.offsetWidth - own.parentElement.clientWidth)"
    assert max(printed.evaluate(excess)) <= 1
    assert inner.locator("img").first.is_hidden()
    assert inner.locator(".unprinted").text_content() == "Its pictures (1) are printed if this part is open."
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("document.querySelectorAll('details[open]').length") == 0
    inner.evaluate("own => { own.open = true; }")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert inner.locator("img").first.is_visible()
    assert inner.locator(".unprinted").is_hidden()


def test_the_page_of_dvcs_plots_is_the_librarys_present_one() -> None:
    """`python -m counterweight.reporting.page.dvc_plots` writes it."""
    assert (ROOT / TEMPLATE).read_text(encoding="utf-8") == render_template()


@pytest.mark.slow
def test_dvcs_plots_are_drawn_without_a_network(browser: Page, tmp_path: Path) -> None:
    pytest.importorskip("dvc_render", reason="DVC is not installed")
    from dvc_render import VegaRenderer, render_html

    points = [{"step": step, "loss": 1.0 / step, "filename": "a.csv", "field": "loss"} for step in (1, 2, 3)]
    renderer = VegaRenderer(points, "losses", x="step", y="loss", template="linear")
    nothing = VegaRenderer([], "no losses", x="step", y="loss", template="linear")
    path = Path(render_html([renderer, nothing], tmp_path / "index.html", html_template=ROOT / TEMPLATE))
    assert not re.search(r"<script[^>]* src=|<link", path.read_text(encoding="utf-8"))
    browser.show(path.as_uri(), 1440, "light")
    browser.wait("document.querySelectorAll('.marks').length == 1")
    assert browser.run("[...document.querySelectorAll('body div[id]')].map((each) => each.id)") == ["losses"]
    assert browser.errors == []


def test_test_images_that_are_trained_on_are_told_before_the_answer(tmp_path: Path) -> None:
    given = made()
    seen = {name: count.model_copy(update={"in_train": 1}) for name, count in given.counts.items()}
    for sizes in (given.counts, seen):
        sections, _ = build_sections(Everything([replace(given, counts=sizes)], {}), {}, tmp_path)
        text = render_page(sections, {}, {}, [])
        place = text.find("test images are in the training part, too (")
        assert (place < 0) == (sizes is given.counts)
    assert place < text.index('<p class="advice">')
