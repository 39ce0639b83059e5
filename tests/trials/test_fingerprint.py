"""A browser with another certificate than its description names (RFC 8122 §5) gets no keys, and the call is over."""

import asyncio

from tests.support.rtp_packets import rtp_packet
from tests.support.trial import PCMU, Trial
from tests.support.webrtc_client import WebRtcClient

from media_relay.core.plan import Address
from shared.messages import MediaFailed


async def test_no_media_flows_and_both_sides_are_told(trial: Trial) -> None:
    promised = await WebRtcClient.on(trial.network.browser.udp())
    call = await trial.prepare(certificate_of=promised)
    promised.close()
    await call.browser.check()
    call.browser.start_dtls(trial.relay_fingerprint)
    assert await trial.relay.event() == MediaFailed(media_id="m1", call_id="call-m1", reason="fingerprint")
    await asyncio.wait_for(call.browser.ended.wait(), 5)

    call.say()  # the browser has made keys; the relay has none
    await trial.dropped(2, "unknown_source", "not_connected")
    assert call.rtp.received.empty()
    assert call.browser.rtp.empty()
    assert await trial.relay.counted("dtls_handshakes_total") == 0


async def test_who_was_not_promised_cannot_take_a_call_by_its_password_alone(trial: Trial) -> None:
    call = await trial.prepare()
    thief = await WebRtcClient.on(trial.network.attacker.udp())
    thief.meet(call.relay_browser, call.browser.relay_ice)
    await thief.check()
    thief.start_dtls(trial.relay_fingerprint)
    assert await trial.relay.event() == MediaFailed(media_id="m1", call_id="call-m1", reason="fingerprint")
    call.rtp.send(rtp_packet(PCMU), call.rtp_port, call.relay_rtp.host)
    await trial.dropped(1, "not_connected")
    assert thief.rtp.empty()
    assert isinstance(thief.address, Address)
    thief.close()
