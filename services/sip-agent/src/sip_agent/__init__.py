"""The SIP agent: a user agent for each login, and registrar and proxy of the built-in domain.

`core` is the protocol, without sockets and clocks; `transport` the sockets; the modules beside them join both to the
bus: `endpoint` runs the stack, `accounts` owns what was logged in here, `calls` carries out what a call's core asks,
`domain` serves the built-in domain.
"""
