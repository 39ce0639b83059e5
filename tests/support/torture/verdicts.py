"""What a user agent and registrar must make of each torture message, and why (RFC 4475 §3, RFC 5118 §4)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """The right end of one message.

    `answer` is the first response that matters: 180 where the browser rings. None is silence. `unreadable`: already the
    parser refuses it, else whoever it is for. Over TCP it is the same but for `over_tcp`: every answer there, and
    `closes` where nothing more can be read.
    """

    why: str
    answer: int | None
    unreadable: bool = False
    over_tcp: tuple[int, ...] | None = None
    closes: bool = False

    @property
    def tcp_answers(self) -> tuple[int, ...]:
        """The answers over TCP."""
        if self.over_tcp is not None:
            return self.over_tcp
        return () if self.answer is None else (self.answer,)


def _bad(why: str, status: int = 400, over_tcp: tuple[int, ...] | None = None, closes: bool = False) -> Verdict:
    return Verdict(why, status, True, over_tcp, closes)


# The agent under test serves example.com for REGISTER, and has the contacts "user" and "UserB" for everything else.
VERDICTS = {
    # RFC 4475 §3.1.1: valid messages
    "wsinv": Verdict("odd spacing, folds and compact names are legal; its To has a tag of no dialog of ours", 481),
    "intmeth": Verdict("every legal character in a method, a URI, a name: nobody of that name", 404),
    "esc01": Verdict("an escaped @ and colon are part of the user and divide nothing", 404),
    "escnull": Verdict("%00 is a character of a user like others", 401),
    "esc02": Verdict("escapes mean nothing outside URIs: this is no REGISTER", 404),
    "lwsdisp": Verdict("no space is needed before the angle bracket", 200),
    "longreq": Verdict("long fields and 34 Vias are no reason to refuse", 180),
    "dblreq": Verdict(
        "what follows the body in a datagram is ignored; in a stream it is the next message and then rubbish, which"
        " closes the connection before the registrar has asked its records",
        401,
        over_tcp=(),
        closes=True,
    ),
    "semiuri": Verdict("a semicolon before the @ belongs to the user", 404),
    "transports": Verdict("transports that we have never heard of may stand in Via", 200),
    "mpart01": Verdict("a binary body in parts; nobody of that name", 404),
    "unreason": Verdict("a reason phrase in UTF-8; it answers nothing of ours", None),
    "noreason": Verdict("a reason phrase may be empty; it answers nothing of ours", None),
    # §3.1.2: invalid messages
    "badinv01": _bad("empty parameters in Via and Contact"),
    "clerr": _bad("the body is shorter than Content-Length; in a stream the rest may still come", over_tcp=()),
    "ncl": _bad("a negative Content-Length divides no stream", closes=True),
    "scalar02": _bad("CSeq beyond 2**31"),
    "scalarlg": Verdict("a response with a CSeq beyond 2**31 is dropped", None, True),
    "quotbal": _bad("a quote that is not closed"),
    "ltgtruri": _bad("a Request-URI in angle brackets"),
    "lwsruri": _bad("a space in the Request-URI"),
    "lwsstart": _bad("two spaces in the Request-Line"),
    "trws": _bad("spaces at the end of the Request-Line"),
    "escruri": Verdict("header fields in the Request-URI may be ignored", 180),
    "baddate": Verdict("a Date in another zone is not ours to use", 180),
    "regbadct": Verdict("without angle brackets a URI in Contact must not hold a question mark", 400),
    "badaspec": _bad("spaces within the angle brackets"),
    "baddn": _bad("a display name with a comma that is not quoted"),
    "badvers": _bad("another version of SIP", 505),
    "mismatch01": _bad("the method in CSeq is another one"),
    "mismatch02": _bad("the method in CSeq is another one, and the method unknown"),
    "bigcode": Verdict("no status has so many digits: dropped", None, True),
    # §3.2, §3.3: the layers above the parser
    "badbranch": Verdict("a branch of the magic cookie alone identifies nothing: matched as RFC 2543 has it", 200),
    "insuf": _bad("no To, From, Call-ID, Max-Forwards"),
    "unkscm": Verdict("a scheme that nobody knows", 416),
    "novelsc": Verdict("a known scheme that is none of SIP", 416),
    "unksm2": Verdict("the registrar has no such address of record, whatever the scheme (RFC 3261 §10.3)", 404),
    "bext01": Verdict("extensions are required that we do not know", 420),
    "invut": Verdict("an offer in a format that we do not know", 415),
    "regaut01": Verdict("credentials of an unknown scheme prove nothing: challenged as if there were none", 401),
    "multi01": _bad("several From, To, Call-ID, CSeq"),
    "mcl01": _bad("several Content-Length: no stream can be divided by them", closes=True),
    "bcast": Verdict("a response with two Vias was meant for another", None),
    "zeromf": Verdict("Max-Forwards limits who passes a request on, not who answers it", 200),
    "cparam01": Verdict("without angle brackets the parameter is of the header field", 401),
    "cparam02": Verdict("in angle brackets the parameter is of the URI", 401),
    "regescrt": Verdict("a Contact may hold an escaped Route", 401),
    "sdp01": Verdict("the caller accepts no SDP, and we have nothing else", 406),
    # §3.4
    "inv2543": Verdict(
        "no branch, no tag, no Contact, no Content-Length: legal in RFC 2543, but no stream can be divided so",
        180,
        over_tcp=(400,),
        closes=True,
    ),
    # RFC 5118
    "ipv6-good": Verdict("IPv6 references in a Request-URI, a Via and a Contact", 401),
    "ipv6-bad": Verdict("an IPv6 address without brackets", 400),
    "port-ambiguous": Verdict("what stands within the brackets is the address", 401),
    "port-unambiguous": Verdict("what stands behind the brackets is the port", 401),
    "via-received-param-with-delim": Verdict("received may stand in brackets; there is no such dialog", 481),
    "via-received-param-no-delim": Verdict("received should stand without brackets", 200),
    "ipv6-in-sdp": Verdict("IPv6 addresses in SDP are not the signalling's concern", 180),
    "mult-ip-in-header": Verdict("IPv4 and IPv6 in one list of Vias; there is no such dialog", 481),
    "mult-ip-in-sdp": Verdict("IPv4 and IPv6 in one offer", 180),
    "ipv4-mapped-ipv6": Verdict("IPv4-mapped addresses", 180),
    "ipv6-bug-abnf-3-colons": Verdict("three colons, by a fault of the grammar of RFC 3261, are to be tolerated", 200),
    "ipv6-correct-abnf-2-colons": Verdict("two colons before an IPv4 address", 200),
}
