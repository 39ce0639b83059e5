"""The media-relay's packet path under load, beside rtpengine and the bare sockets: `make bench-media`."""
