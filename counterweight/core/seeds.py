"""Seeds that depend on the project's seed and an item's names alone."""

import hashlib


def derive_seed(seed: int, *names: str) -> int:
    """Return a 63-bit seed that depends on `seed` and the item's names alone, so that items are independent."""
    # Not Python's hash, which differs from process to process for texts.
    digest = hashlib.sha256("/".join([str(seed), *names]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
