"""Holds the browsers' WebSockets and turns their messages into call commands on the bus."""
