"""Fuzzing: `make fuzz`. The targets are plain functions, so that the unit tests run them too."""
