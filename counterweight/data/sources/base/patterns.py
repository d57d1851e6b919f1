"""Regular expressions of users, some of which take for ever: `(a+)+$` doubles its time with each `a` before a `b`."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence

from counterweight.core.errors import UserError
from counterweight.data.sources.base import pattern_search

SECONDS, SECONDS_EACH = 2, 1e-4
"""Of processor time for a search, and for each text more; a usual one takes a hundredth of the latter."""


def find_all(pattern: re.Pattern[str], texts: Sequence[str], where: str) -> list[str]:
    """Return what a user's pattern finds in each text: its first group in parentheses that takes part, or all of it.

    Where it finds nothing that is an empty text. Python's engine searches, in a process of its own, which alone can be
    given a time in any thread: engines with limits, or without backtracking, read `\\w` and more in another way.

    Args:
        where: file and key of the setting; begins an error's message.

    Raises:
        UserError: it takes too long.
    """
    allowed = SECONDS + SECONDS_EACH * len(texts)
    told = json.dumps([pattern.pattern, pattern.flags, texts, allowed]).encode()
    command = [sys.executable, "-I", "-S", pattern_search.__file__]
    done = subprocess.run(command, input=told, stdout=subprocess.PIPE, check=True)
    found: list[str] | int = json.loads(done.stdout)
    if isinstance(found, list):
        return found
    ways = "what fits one text in many ways does that, as '(a+)+' in place of 'a+'"
    raise UserError(f"{where}: '{pattern.pattern}' takes over {allowed:.3g} s, most on {texts[found]}; {ways}")
