"""The dashboard of call quality: which leg is bad, and how."""

from .panels import Dashboard, Panel, Query
from .queries import legend, quantile, rates

_BY = "side, kind"


def _measure(title: str, metric: str, unit: str, text: str, worst: float = 0.95) -> tuple[Panel, Panel]:
    """How it is for most, and for the worst twentieth. A high MOS is good, so that its worst are the lowest."""
    usual, worst_of_all = (
        Panel(f"{title}, {name}", (Query(quantile(share, metric, _BY), legend(_BY)),), unit, text, width=12)
        for name, share in (("median", 0.5), ("worst twentieth", worst))
    )
    return usual, worst_of_all


QUALITY = Dashboard(
    "cordboard-quality",
    "Cordboard: call quality",
    "By side (browser, sip) and kind of media. Each call is measured every few seconds.",
    (
        *_measure("Loss", "media_relay_loss_ratio", "percentunit", "Share of what a side sent that did not come."),
        *_measure("Jitter", "media_relay_jitter_seconds", "s", "Of what a side sends (RFC 3550)."),
        *_measure("Round trip", "media_relay_round_trip_seconds", "s", "From the relay to a side and back."),
        *_measure("MOS", "media_relay_mos", "none", "What a listener would say (ITU-T G.107), 1 to 4.4.", worst=0.05),
        rates("One side not heard any more", "media_relay_one_way_audio_total", "side", "cps"),
        rates("Neither side heard any more", "media_relay_silence_total", unit="cps"),
        rates("RTCP reports made here", "media_relay_own_reports_total", "to", "pps", "Where a side sends none."),
    ),
)
