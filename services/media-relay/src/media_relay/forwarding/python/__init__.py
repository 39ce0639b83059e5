"""The forwarder in Python: `forwarder` has the sockets, `session` the packets of one session, the rest its parts."""
