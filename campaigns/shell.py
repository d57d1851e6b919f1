"""A graph like the pipeline's whose stages are shell scripts: a run of it takes seconds, and tries what runs stages."""

from pathlib import Path

from campaigns.project import Project
from campaigns.tiny import Choice

GRAPH = """\
stages:
  source:
    matrix: {dataset: "${table.datasets}"}
    cmd: exec sh source.sh ${item.dataset}
    deps: [source.sh]
    params: [seed]
    outs: ["data/${item.dataset}"]
  make:
    matrix: {dataset: "${table.datasets}", generator: "${table.generators}"}
    cmd: exec sh make.sh ${item.dataset} ${item.generator}
    deps: [make.sh, "data/${item.dataset}"]
    params: [seed, margin]
    outs:
      - data/made/${item.dataset}-${item.generator}
      - metrics/made/${item.dataset}/${item.generator}.txt: {cache: false}
  page:
    cmd: exec sh page.sh
    deps: [page.sh, metrics/made]
    params: [table]
    outs:
      - metrics/summary.txt: {cache: false}
"""
PARAMS = """\
seed: {seed}
margin: {margin}
table:
  datasets: [{datasets}]
  generators: [{generators}]
"""
SCRIPTS = {
    "source.sh": """\
mkdir -p data/$1
for number in 1 2 3 4 5; do echo $1 $number $(grep seed params.yaml) > data/$1/$number; sleep 0.05; done
""",
    "make.sh": """\
mkdir -p data/made metrics/made/$1
cat data/$1/* > data/made/$1-$2
sleep 0.1
(echo $2 $(grep margin params.yaml); cat data/$1/*) > metrics/made/$1/$2.txt
""",
    "page.sh": """\
list() { sed -n "s/.*$1: \\[\\(.*\\)\\]/\\1/p" params.yaml | tr -d ,; }
for dataset in $(list datasets); do
  for generator in $(list generators); do cat metrics/made/$dataset/$generator.txt || exit 1; done
done > metrics/summary.txt
""",
}
IGNORED = "/data/**\n/metrics/**\n"


def render(choice: Choice) -> str:
    """Return the settings file."""
    lists = {"datasets": ", ".join(choice.datasets), "generators": ", ".join(choice.generators)}
    return PARAMS.format(seed=choice.seed, margin=choice.margin, **lists)


def begin_project(root: Path, choice: Choice) -> Project:
    """Write the graph, scripts and settings; nothing has run."""
    root.mkdir(parents=True)
    for name, text in {**SCRIPTS, "dvc.yaml": GRAPH, "params.yaml": render(choice), ".gitignore": IGNORED}.items():
        (root / name).write_text(text, encoding="utf-8")
    project = Project(root)
    project.git("init", "--quiet")
    project.dvc("init", "--quiet")
    return project
