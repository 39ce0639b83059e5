"""Holds the browsers' WebSockets and turns their messages into call commands on the bus.

`core` is the protocol, without sockets and clocks. The rooms beside it join it to the world: `api` serves HTTP and the
sockets of pages, `gateway` carries out what one page asks for, `sessions` keeps the records, `rest` is the API for
other services, `hooks` asks the operator's web server, `tokens` reads JWTs; `pod` is what all of them share.
"""
