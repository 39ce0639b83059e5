"""Figures, not verdicts: CPU per unit of work, each measured in several rounds. `make bench` prints them."""
