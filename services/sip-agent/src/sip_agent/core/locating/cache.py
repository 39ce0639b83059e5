"""Answers of DNS for as long as they are good, in bounded memory."""

from collections import OrderedDict
from collections.abc import Sequence

from sip_agent.core.locating.records import Question, Record


class AnswerCache:
    """At most `most` answers: peers name the hosts, so they may name any number."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._answers: OrderedDict[Question, tuple[float, Sequence[Record]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def find(self, question: Question, now: float) -> Sequence[Record] | None:
        """Return an answer that is good still; it may be empty."""
        until, records = self._answers.get(question, (now, ()))
        return records if until > now else None

    def keep(self, question: Question, records: Sequence[Record], until: float) -> None:
        """Keep an answer; the oldest goes where there are too many."""
        self._answers.pop(question, None)
        self._answers[question] = until, records
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)
