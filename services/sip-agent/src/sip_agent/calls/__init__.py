"""Calls on the bus: what a call's core asks for is carried out here, and what comes back is brought to it."""
