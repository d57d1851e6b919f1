"""DVC's own knowledge of a workspace, asked in this process: which stages are stale, and what was made.

`dvc repro` runs one stage after the other, and `dvc repro --single-item` for each of them takes over a second to start
and cannot run twice in a workspace. Here every step of DVC's `Stage.run` is taken as DVC takes it, but for the command
itself: that is run elsewhere, while others are.
"""

import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from counterweight.core.errors import UserError
from counterweight.core.schema import suggest_name
from counterweight.engines.cache_lock import CacheLock
from counterweight.engines.folders import KnownFolders
from counterweight.engines.jobs import Job
from counterweight.engines.objects import list_earlier, overlook_unwritten, remove_damaged
from counterweight.engines.refusals import as_user_errors, check_cache_path, check_room, naming_state
from counterweight.engines.settings import watch_settings

if TYPE_CHECKING:
    from dvc.dvcfile import Lockfile
    from dvc.stage import Stage

Need = Literal["nothing", "restored", "run"]
DEVICE, ANY_GPU = "device", ("auto", "cuda")
"""The setting, and its values that leave open which GPU it is."""
CERTAIN_GPU = re.compile(r"cuda:(\d+)")
TRAIN = "train"
"""A stage, and the section of the settings that says how many processes it has."""
ATTEMPTS = 3
LOGS = Path(".dvc/tmp/counterweight")


class Record:
    """The stages of a workspace."""

    def __init__(self, root: Path) -> None:
        """Open a workspace, which is the current folder: DVC names its stages from there.

        Raises:
            UserError: it is none, DVC is not installed, or its cache cannot be used.
        """
        try:
            from dvc.repo import Repo
        except ImportError as error:
            raise UserError(f"DVC is not installed ({error}): pip install 'counterweight[pipeline]'") from error
        self.repo = Repo.__new__(Repo)  # It knows the folder of its state also where opening that fails.
        with as_user_errors(), naming_state(self.repo):
            self.repo.__init__(str(root), _wait_for_lock=True)
            mend_locks(Path(self.repo.tmp_dir))
        check_cache_path(self.repo.cache.local_cache_dir)
        logging.getLogger("dvc").setLevel(logging.WARNING)  # What it does is told by whoever calls this.
        self.root = root
        overlook_unwritten(self.repo.stage_cache)
        runs = Path(self.repo.stage_cache.cache_dir)
        self.cache_lock = CacheLock(runs.parent / "counterweight.lock")
        self.folders = KnownFolders(root / LOGS / "folders.json")
        self.stages: dict[str, Stage] = {}
        self.unwritten: list[Stage] = []
        self.locks: dict[str, ExitStack] = {}
        self.settings: dict[tuple[str, str], list[Any]] = {}
        self.damaged: list[Path] = []
        """Files that were removed from the cache."""

    def read_graph(self, targets: Sequence[str]) -> dict[str, list[str]]:
        """Return for each stage that targets need those that it waits for; no targets: of all stages.

        Raises:
            UserError: there is no such target, or dvc.yaml or params.yaml is not valid.
        """
        with as_user_errors(), self.locked():
            graph = self.repo.index.graph
            wanted = [stage for target in targets for stage in self.collect(target)] or list(graph)
            while wanted:
                stage = wanted.pop()
                if stage.addressing not in self.stages:
                    self.stages[stage.addressing] = stage
                    for dependency in stage.deps:
                        self.folders.watch(dependency)
                        watch_settings(dependency)
                    wanted += graph.successors(stage)
            return {
                name: [own.addressing for own in graph.successors(stage)] for name, stage in sorted(self.stages.items())
            }

    def collect(self, target: str) -> "list[Stage]":
        """Return the stages of a name, with or without its row.

        Raises:
            UserError: there is none.
        """
        from dvc.stage.exceptions import StageNotFound

        try:
            found: list[Stage] = self.repo.stage.collect(target)
        except StageNotFound:
            rows = [stage.addressing for stage in self.repo.index.stages]
            names = rows if "@" in target else {row.partition("@")[0] for row in rows}
            raise UserError(f"STAGE: there is no '{target}'{suggest_name(target, names)}") from None
        return found

    def prepare(self, name: str) -> Need:
        """Say whether a stage has to run; then its outputs are gone, or they are restored if they were made before.

        Raises:
            UserError: a file that it needs is missing, or another process of DVC's is at work on it.
        """
        from dvc.stage.cache import RunCacheNotFoundError

        stage = self.stages[name]
        with as_user_errors(), self.locked():
            if stage.frozen or not stage.cmd or not stage.changed():
                return "nothing"
            stage.remove_outs(ignore_remove=False, force=False)
            with self.alone_in_cache():
                self.damaged += remove_damaged(stage.outs, list_earlier(stage))
                try:
                    self.repo.stage_cache.restore(stage)
                except RunCacheNotFoundError:
                    stage.save_deps()
                    self.hold_outputs(stage)
                    return "run"
                self.save(stage)
                return "restored"

    def hold_outputs(self, stage: "Stage") -> None:
        """Keep other processes of DVC's from writing what a stage writes."""
        from dvc.rwlock import rwlock

        with ExitStack() as stack:
            paths = [out.fs_path for out in stage.outs]
            label = f"counterweight repro {stage.addressing}"
            stack.enter_context(rwlock(self.repo.tmp_dir, self.repo.fs, label, [], paths, False))
            self.locks[stage.addressing] = stack.pop_all()

    def make_job(self, name: str) -> Job:
        """Return what is to be run, as DVC would run it."""
        from dvc.stage.run import _enforce_cmd_list, _make_cmd, get_executable, prepare_kwargs

        stage = self.stages[name]
        own = prepare_kwargs(stage)
        command = _make_cmd(get_executable(), " && ".join(_enforce_cmd_list(stage.cmd)))
        folder, log = Path(own["cwd"]), (self.root / LOGS / f"{name}.log").resolve()
        # `python` is the one that runs this, also where its environment is not activated.
        path = f"{Path(sys.executable).parent}{os.pathsep}{own['env'].get('PATH', '')}"
        environment = {**own["env"], "PATH": path}
        reads, writes = ([Path(each.def_path) for each in group if each.def_path] for group in (stage.deps, stage.outs))
        return Job(
            name, command, folder, environment, log, self.uses_gpu(name), self.count_devices(name), reads, writes
        )

    def uses_gpu(self, name: str) -> bool:
        """Say whether a stage computes on a GPU where there is one: it goes by `device`, which is not a certain one."""
        return any(value in ANY_GPU for value in self.read_settings(name, DEVICE))

    def find_gpu(self, name: str) -> int | None:
        """Return the number of the GPU that a stage names, as in `cuda:1`; None: it names none."""
        found = [CERTAIN_GPU.fullmatch(value) for value in self.read_settings(name, DEVICE) if isinstance(value, str)]
        return next((int(match[1]) for match in found if match), None)

    def count_devices(self, name: str) -> int:
        """Return how many GPUs or cores a stage computes on: that which trains, on one for each of its processes."""
        if name.partition("@")[0] != TRAIN:
            return 1
        sections = [each for each in self.read_settings(name, TRAIN) if isinstance(each, dict)]
        counts = [each.get("processes") for each in sections]
        return max([1, *(count for count in counts if isinstance(count, int))])  # What else stands there is refused.

    def read_settings(self, name: str, key: str) -> list[Any]:
        """Return the values of a setting that a stage goes by, from each file in which it has one; read once."""
        from dvc.dependency import ParamsDependency

        if (name, key) not in self.settings:
            own = [dep for dep in self.stages[name].deps if isinstance(dep, ParamsDependency) and key in dep.params]
            self.settings[name, key] = [dep.read_params().get(key) for dep in own]
        return self.settings[name, key]

    def release(self, name: str) -> None:
        """Let others write again what a stage that has ended writes.

        Raises:
            UserError: DVC's lock cannot be had, as where the disk is full.
        """
        if (stack := self.locks.pop(name, None)) is not None:
            with as_user_errors(), self.locked():
                stack.close()

    def finish(self, name: str) -> None:
        """Put a stage's outputs into the cache; `write` writes that down.

        Raises:
            UserError: an output is not there.
        """
        self.release(name)
        with as_user_errors(), self.locked():
            self.save(self.stages[name])

    def save(self, stage: "Stage") -> None:
        """Hash a stage's files and put its outputs into the cache, as `dvc commit` does.

        `dvc repro` leaves stages out of its run-cache of which an output is kept by git. Here these are small JSON
        files, and a setting that is put back shall cost no training of classifiers.
        """
        with self.alone_in_cache():
            stage.save()
            self.damaged += remove_damaged(stage.outs, [])  # What lies there already DVC does not write again.
            commit(stage)
        self.unwritten.append(stage)

    def write(self) -> None:
        """Write the stages that were saved into dvc.lock, all at once: DVC writes it whole, however few they are."""
        if not self.unwritten:
            return
        with as_user_errors(), self.locked():
            for file in {stage.dvcfile for stage in self.unwritten}:
                self.write_whole(file._lockfile, [stage for stage in self.unwritten if stage.dvcfile == file])
        self.unwritten.clear()

    def write_whole(self, lock: "Lockfile", stages: "Sequence[Stage]") -> None:
        """Write stages into a dvc.lock that is whole at any time; DVC writes over it, and may be killed meanwhile."""
        from dvc.dvcfile import Lockfile

        target, partial = Path(lock.path), Path(self.repo.tmp_dir) / "dvc.lock.partial"
        if target.exists():
            shutil.copyfile(target, partial)
        else:
            partial.unlink(missing_ok=True)
        beside = Lockfile(self.repo, str(partial))
        beside.dump_stages(stages)
        partial.replace(target)
        tracked = self.repo.scm_context
        tracked.files_to_track.discard(beside.relpath)
        tracked.track_file(lock.relpath)

    @contextmanager
    def alone_in_cache(self) -> Iterator[None]:
        """Let no such command of another workspace with the same cache read or write the record of runs meanwhile.

        DVC takes what another process is about to write there, or a folder that is still empty, for a run.
        """
        with self.cache_lock.held():
            yield

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let no other process of DVC's work in the meantime; errors as of `naming_state` and `check_room`."""
        check_room(self.repo)
        with naming_state(self.repo), self.repo.lock, self.repo.scm_context(quiet=True):
            yield


def commit(stage: "Stage") -> None:
    """Put a stage's outputs into the cache, and again where they are gone from there at once.

    Another machine, which no lock reaches, takes what is still being written for damaged, and removes it. DVC then asks
    whether the only copy may be linked anew, and nobody answers.
    """
    from dvc.exceptions import ConfirmRemoveError

    for attempt in range(ATTEMPTS):
        try:
            stage.commit()
        except ConfirmRemoveError:
            if attempt == ATTEMPTS - 1:
                raise
        else:
            break


def mend_locks(folder: Path) -> None:
    """Remove DVC's list of files in use if it is cut off, as when a process is killed while it writes it.

    DVC refuses everything then, and nothing can be read from it. No process can be writing it in the meantime: DVC's
    own guard of the list is held.

    Args:
        folder: DVC's own, of temporary files.
    """
    from dvc.lock import make_lock

    path = folder / "rwlock"
    with make_lock(str(folder / "rwlock.lock"), tmp_dir=str(folder)):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except ValueError:
            path.unlink()
