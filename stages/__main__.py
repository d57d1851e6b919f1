"""`python -m stages NAME ...` runs `stages.NAME` as `python -m stages.NAME ...` does, but it dies with its parent.

So the graph starts its stages. They import torch for seconds, and a `dvc` killed meanwhile would orphan them: the tie
to the parent has to come before the imports. Besides, a stage that is not itself the main module is not imported again
by its worker processes. No stage depends on this file, which changes nothing that they write.
"""

import os
import signal
import sys
import time
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from counterweight.core.addresses import foresee_torch
from counterweight.core.process import describe_want, die_with_parent, fail, leave, run
from counterweight.data.experiment_folder import find_workspace
from counterweight.reporting.page.times import write_time

LAUNCHED = "TORCHELASTIC_RUN_ID"
"""A variable of the environment that torch's launcher sets."""

if __name__ == "__main__":
    die_with_parent()
    started = time.monotonic()
    foresee_torch()
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    spec = find_spec(f"stages.{name}") if name.isidentifier() else None
    try:
        main = getattr(import_module(f"stages.{name}"), "main", None) if spec else None
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except ImportError as error:
        if (reason := describe_want(error)) is None:
            raise
        sys.exit(fail(reason))
    if spec is None or main is None:
        sys.exit(fail(f"there is no stage '{name}'; name one, as in `python -m stages train --help`"))
    sys.argv[0] = str(spec.origin)  # as if the stage itself had been called
    try:
        run(main)
    except SystemExit as error:  # of a stage that is refused or interrupted, for which somebody waits
        if isinstance(error.code, int):
            leave(error.code)
        raise
    if LAUNCHED not in os.environ:  # Of several processes, that tells which launched them.
        workspace = find_workspace(Path.cwd())
        write_time(started, [Path()] if workspace is None else [Path(), workspace])
    leave()
