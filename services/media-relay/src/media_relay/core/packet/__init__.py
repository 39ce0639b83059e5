"""What a datagram is, and what is in it: STUN, DTLS, RTP and RTCP told apart and read (RFC 7983)."""
