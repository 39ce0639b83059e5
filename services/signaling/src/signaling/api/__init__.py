"""What signaling serves over HTTP: the WebSocket, the phone page and the SDK."""
