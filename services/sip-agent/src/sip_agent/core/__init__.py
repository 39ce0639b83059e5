"""The SIP stack of the agent, without input or output: bytes and times come in, outputs come out.

One invariant holds for every object here: after any call, drain `take_output()`, then re-arm one timer at
`next_timer()`.
"""
