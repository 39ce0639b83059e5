"""The next timer of what is made of several rooms."""


def earliest(*times: float | None) -> float | None:
    """The first of the times; None where nothing waits.

    Asked of each room after each step of a call: the loop takes a third of the time of `min` over a generator.
    """
    first = None
    for at in times:
        if at is not None and (first is None or at < first):
            first = at
    return first
