"""The sip-agent as a whole under load, beside Sippy's B2BUA: `make bench-sip`."""
