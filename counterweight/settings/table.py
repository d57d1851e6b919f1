"""params.yaml, table: which rows are made."""

from typing import Annotated

from annotated_types import MinLen

from counterweight.core.schema import Settings


class Table(Settings):
    """Which rows are made: every generator on every dataset in every scenario; and which pairs are compared."""

    datasets: list[str]
    scenarios: Annotated[list[str], MinLen(1)]
    generators: Annotated[list[str], MinLen(1)]
    pairs: list[str]
