"""The HTTP status (RFC 9110 §15) that tells what a SIP status tells (RFC 3261 §21)."""

_OF_SIP = {
    400: 400,
    401: 502,  # the account's password is wrong: the SIP server says so to us, not to him who asks
    403: 403,
    404: 404,
    405: 409,
    407: 502,
    408: 504,
    409: 409,
    413: 413,
    415: 415,
    416: 400,
    480: 409,  # the account is closing
    481: 404,
    482: 409,
    486: 409,
    487: 409,
    488: 409,
    491: 409,
    501: 501,
    503: 503,
    504: 504,
}


def http_status(sip_status: int) -> int:
    """Return the nearest; what SIP servers alone say is theirs (502), the rest is a fault of the server."""
    if sip_status in _OF_SIP:
        return _OF_SIP[sip_status]
    if 300 <= sip_status < 500 or 600 <= sip_status < 700:
        return 502
    return 500
