"""How capacity grows with the number of pods, each held to the same share of a core: `make scaling`."""
