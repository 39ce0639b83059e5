"""When each of many sessions must be looked at again, without looking at all of them."""

import heapq


class Alarms:
    """One alarm a number. One that is set to a later time still goes off at the earlier: mostly timers move later, and
    whoever is woken too early sets it again."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []  # with those that do not stand any more
        self._standing: dict[int, float] = {}

    def set(self, number: int, when: float) -> None:
        """Wake this one at that time, or before."""
        standing = self._standing.get(number)
        if standing is None or when < standing:
            self._standing[number] = when
            heapq.heappush(self._heap, (when, number))

    def forget(self, number: int) -> None:
        """Never wake it."""
        self._standing.pop(number, None)

    def due(self, now: float) -> list[int]:
        """Return those whose time has come; they have no alarm then."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            when, number = heapq.heappop(self._heap)
            if self._standing.get(number) == when:
                del self._standing[number]
                found.append(number)
        return found

    def next(self) -> float | None:
        """Return when the next one goes off."""
        while self._heap and self._standing.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
