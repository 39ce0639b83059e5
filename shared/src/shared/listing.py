"""What records a KV bucket has: a listing that leaves the event loop to others while it goes on.

A server sends all that it has, and nats-py takes all that has come, before anybody else gets a turn: thousands of names
cost the sockets of the same loop a good part of a tenth of a second. So the server is told to wait, after some of them,
for word that they have arrived.
"""

import msgspec
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import APIError

from .acknowledgement import Failure
from .requests import Requests

SLICE = 128
_REPLY_SECONDS = 5.0  # a server has several such questions at once when an agent has died
_SECONDS = 1.0  # for one record to come; and the consumer goes so soon after us
_GONE = ("KV-Operation", "Nats-Marker-Reason")  # headers of what says that there is no record any more


class _State(msgspec.Struct):
    subjects: dict[str, int] | None = None


class _StreamInfo(msgspec.Struct):
    state: _State = msgspec.field(default_factory=_State)
    total: int = 0
    error: Failure | None = None


_info_decoder = msgspec.json.Decoder(_StreamInfo)


async def subjects_at_once(requests: Requests, stream: str, under: str) -> list[str]:
    """Return the subjects that have a record, or had one a second ago, of which nothing else is known.

    The server looks through all that match for each reply, and a reply has up to 100,000: so for a part of a stream
    this is the way, at a hundredth of the cost, and for all of a big one it is not (docs/scaling.md). Where one reply
    is not enough, and subjects go meanwhile, some may be left out.
    """
    found: list[str] = []
    while True:
        question = msgspec.json.encode({"subjects_filter": under, "offset": len(found)})
        reply = await requests.ask(f"$JS.API.STREAM.INFO.{stream}", question, _REPLY_SECONDS)
        info = _info_decoder.decode(reply.data)
        if info.error is not None:
            raise APIError.from_error(msgspec.structs.asdict(info.error))
        found.extend(info.state.subjects or ())
        if not info.state.subjects or len(found) >= info.total:
            return found


async def subjects(js: JetStreamContext, stream: str, under: str) -> dict[str, int]:
    """Return the subjects that have a record, and their revisions, of which nothing is read.

    Not by `watchall` of nats-py 2.16, which also ends before its first entry if all of them have been sent, and none
    looked at, when it asks how many are to come.
    """
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
        headers_only=True,
        ack_policy=AckPolicy.ALL,
        max_ack_pending=2 * SLICE,  # one slice is on its way while the other is looked at
        inactive_threshold=_SECONDS,
        num_replicas=1,
        mem_storage=True,
    )
    found: dict[str, int] = {}
    subscription = await js.subscribe(under, stream=stream, config=config, manual_ack=True)
    try:
        at_first = await subscription.consumer_info()
        sent = 0 if at_first.delivered is None else at_first.delivered.consumer_seq
        left = sent + (at_first.num_pending or 0)
        number = 0
        while left > 0:
            message = await subscription.next_msg(_SECONDS)
            left = message.metadata.num_pending
            if _is_record(message):
                found[message.subject] = message.metadata.sequence.stream
            number += 1
            if number % SLICE == 0:
                await message.ack()
    finally:
        await subscription.unsubscribe()
    return found


def _is_record(message: Msg) -> bool:
    return not any(name in (message.headers or {}) for name in _GONE)
