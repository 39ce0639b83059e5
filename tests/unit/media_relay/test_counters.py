"""Adding up counters."""

from media_relay.core.counters import Counters, Drop, Repair, total


def test_the_total_adds_each_counter_and_leaves_the_parts_alone() -> None:
    first, second = Counters(), Counters()
    first.packets["browser_to_sip", "audio"] = 2
    second.packets["browser_to_sip", "audio"] = 3
    second.bytes["sip_to_browser", "rtcp"] = 40
    second.drops[Drop.REPLAY] = 1
    second.repairs[Repair.RESENT_TO_SIP] = 5
    sum_ = total([first, second])
    assert sum_.packets == {("browser_to_sip", "audio"): 5}
    assert sum_.bytes == {("sip_to_browser", "rtcp"): 40}
    assert sum_.drops == {Drop.REPLAY: 1}
    assert sum_.repairs == {Repair.RESENT_TO_SIP: 5}
    assert first.packets == {("browser_to_sip", "audio"): 2}
