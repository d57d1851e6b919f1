"""`python -m stages NAME ...` runs `stages.NAME` as `python -m stages.NAME ...` does, but it dies with its parent.

So the graph starts its stages. They import torch for seconds, and a `dvc` killed meanwhile would orphan them: the tie
to the parent has to come before the imports. No stage depends on this file, which changes nothing that they write.
"""

import runpy
import sys
from importlib.util import find_spec

from stages.process import die_with_parent, fail

if __name__ == "__main__":
    die_with_parent()
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    if not name.isidentifier() or find_spec(f"stages.{name}") is None:
        sys.exit(fail(f"there is no stage '{name}'; name one, as in `python -m stages train --help`"))
    runpy.run_module(f"stages.{name}", run_name="__main__", alter_sys=True)
