"""The SIP agent: a user agent for each login, and registrar and proxy of the built-in domain.

`core` is the protocol, without sockets and clocks. The rooms beside it join it to the world: `transport` has the
sockets and runs the stack, `locating` finds where requests go, `accounts` has what was logged in here, `ownership` says
which agent has it, `calls` carries out what a call's core asks for, `domain` serves the built-in domain; `user_agent`
says which a request is for.
"""
