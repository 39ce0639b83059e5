"""What records a KV bucket has: a listing that leaves the event loop to others while it goes on.

A server sends all that it has, and nats-py takes all that has come, before anybody else gets a turn: thousands of names
cost the sockets of the same loop a good part of a tenth of a second. So the server is told to wait, after some of them,
for word that they have arrived.
"""

from collections.abc import AsyncIterator

import msgspec
import nats.errors
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
    last_seq: int = 0


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


async def last_revision(requests: Requests, stream: str) -> int:
    """Return the revision of what was written last, or 0."""
    reply = await requests.ask(f"$JS.API.STREAM.INFO.{stream}", b"", _REPLY_SECONDS)
    info = _info_decoder.decode(reply.data)
    if info.error is not None:
        raise APIError.from_error(msgspec.structs.asdict(info.error))
    return info.state.last_seq


async def subjects(js: JetStreamContext, stream: str, under: str) -> dict[str, int]:
    """Return the subjects that have a record, and their revisions, of which nothing is read."""
    config = ConsumerConfig(deliver_policy=DeliverPolicy.LAST_PER_SUBJECT, headers_only=True)
    messages = _each(js, stream, under, config)
    return {one.subject: one.metadata.sequence.stream async for one in messages if is_record(one)}


def since(js: JetStreamContext, stream: str, under: str, revision: int) -> AsyncIterator[Msg]:
    """Give what was written after a revision and is still the newest, in that order; also what says that it is gone."""
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=revision + 1)
    return _each(js, stream, under, config)


async def _each(js: JetStreamContext, stream: str, under: str, config: ConsumerConfig) -> AsyncIterator[Msg]:
    """Give what there is when it is asked for; raise `nats.errors.Error` where some of it was lost on the way.

    Not by `watchall` of nats-py 2.16, which also ends before its first entry if all of them have been sent, and none
    looked at, when it asks how many are to come.
    """
    config.ack_policy = AckPolicy.ALL
    config.max_ack_pending = 2 * SLICE  # one slice is on its way while the other is looked at
    config.inactive_threshold = _SECONDS
    config.num_replicas, config.mem_storage = 1, True
    subscription = await js.subscribe(under, stream=stream, config=config, manual_ack=True)
    try:
        at_first = await subscription.consumer_info()
        sent = 0 if at_first.delivered is None else at_first.delivered.consumer_seq
        left = sent + (at_first.num_pending or 0)
        number = 0
        while left > 0:
            try:
                message = await subscription.next_msg(_SECONDS)
            except nats.errors.TimeoutError:
                if await _is_through(subscription, number):
                    return
                raise
            number += 1
            if message.metadata.sequence.consumer != number:  # it came while the connection was away, or comes again
                raise nats.errors.Error(f"a listing of {stream} has a hole")
            left = message.metadata.num_pending
            yield message
            if number % SLICE == 0:
                await message.ack()
    finally:
        await subscription.unsubscribe()


async def _is_through(subscription: JetStreamContext.PushSubscription, number: int) -> bool:
    """Whether so many were all: the server counts one too many where a record goes as it is about to be sent."""
    info = await subscription.consumer_info()
    sent = 0 if info.delivered is None else info.delivered.consumer_seq
    return sent == number and not info.num_pending


def is_record(message: Msg) -> bool:
    """Whether it is one, and does not say that it is gone."""
    return not any(name in (message.headers or {}) for name in _GONE)
