"""Searched by a process of its own, which is run as a script: names for a regular expression, in limited time.

Standard input has the expression, its flags, the texts, and the seconds of processor time that all may take. It prints
what it found, or the place of the text that took longest. Nothing but Python's own is there.
"""

import json
import re
import signal
import sys
from collections.abc import Sequence
from time import process_time
from types import FrameType


def name_match(match: re.Match[str] | None) -> str:
    """Return what the first group in parentheses has that takes part in a match, or all of it; nothing without one."""
    if match is None:
        return ""
    return next((own for own in match.groups() if own is not None), match[0])


def search(pattern: re.Pattern[str], texts: Sequence[str], seconds: float) -> list[str] | int:
    """Return what a pattern finds in each text, or the place of the one that took longest when time is up."""
    slowest, longest, begun, found = 0, 0.0, process_time(), list[str]()
    signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        for text in texts:
            found.append(name_match(pattern.search(text)))
            ended = process_time()
            if ended - begun > longest:
                slowest, longest = len(found) - 1, ended - begun
            begun = ended
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except TimeoutError:
        return len(found) if process_time() - begun > longest else slowest
    return found


def give_up(number: int, frame: FrameType | None) -> None:
    """End a search, which looks for signals now and then."""
    raise TimeoutError


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked is told, too, and ends this process
    own, flags, texts, seconds = json.load(sys.stdin.buffer)
    json.dump(search(re.compile(own, flags), texts, seconds), sys.stdout)
