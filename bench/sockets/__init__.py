"""What a page's socket costs a signaling pod: memory while it is idle, CPU of a log-in, time that messages take."""
