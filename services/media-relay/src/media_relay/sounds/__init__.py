"""What is played in the place of a browser: what there is to play, its encoding, and the clock around `core.sound`."""
