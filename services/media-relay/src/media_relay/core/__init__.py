"""Protocol logic without I/O: no sockets, no clock, no randomness.

A stateful object takes datagrams, verbs and the time, and is drained with `take_output()`; after any call the shell
drains it and re-arms its one timer with `next_timer()`. What does not fit this shape is a pure function.
"""
