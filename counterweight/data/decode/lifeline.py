"""Imported by the server of workers alone, which it ties to the stage that started it.

The workers are tied to that server. Without this it would wait, when a stage is killed, for a pipe that its own workers
hold open: all of them would stay for ever.
"""

import os

from counterweight.core.process import die_with_parent

SERVER = os.getpid()
"""Its number, which the workers know that are forked from it."""

die_with_parent()
