"""Session descriptions and their negotiation: the browser's (RFC 8829, RFC 8839) and SIP's (RFC 3264)."""
