"""What moves packets: `forwarder` is the interface, `native` the one in C, `python` its twin; `choice` picks one."""
