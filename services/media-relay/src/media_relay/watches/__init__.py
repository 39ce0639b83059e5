"""What looks at every session again and again: how good its media is, how much video its browser may send."""
