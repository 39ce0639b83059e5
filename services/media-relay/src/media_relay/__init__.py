"""The media relay: an ICE, DTLS and SRTP side for the browser, an RTP side for SIP, and packets moved between them.

`core` is the protocol, without sockets and clocks: `description` negotiates, `packet` reads. The modules beside it
are the shell: `commands` serves the bus, `datapath` owns the sockets, `forwarder` is the interface that a forwarder
stands behind, `python_forwarder` one such.
"""
