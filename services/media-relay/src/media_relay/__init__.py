"""The media relay: an ICE, DTLS and SRTP side for the browser, an RTP side for SIP, and packets moved between them.

`core` is the protocol, without sockets and clocks: `description` negotiates, `packet` reads. The rooms beside it are
the shell: `commands` serves the bus, `datapath` owns the sockets, `browser` is one side of a session, `forwarding`
moves its packets, `sounds` and `digits` put something in their place, `watches` looks at them.
"""
