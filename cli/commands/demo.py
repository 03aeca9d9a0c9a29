"""`zoo demo`."""


def demo() -> None:
    """Run."""
