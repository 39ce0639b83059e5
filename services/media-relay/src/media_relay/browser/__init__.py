"""The browser's side of a session: ICE, DTLS, and connections for browsers without UDP. Sans-IO but for `ice_tcp`."""
