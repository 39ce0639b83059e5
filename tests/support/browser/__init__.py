"""Real browsers behind one interface, with the ears of `tests.support.tone`."""
