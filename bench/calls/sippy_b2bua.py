"""Starts Sippy's B2BUA by the Python that has it; with one UDP worker, for its default of three reorders messages.

Not imported by anything: `python sippy_b2bua.py ARGUMENTS OF sippy.b2bua`.
"""

from sippy.b2bua import main_func  # type: ignore[import-not-found]
from sippy.Udp_server import Udp_server_opts  # type: ignore[import-not-found]

if __name__ == "__main__":
    Udp_server_opts.nworkers = 1
    main_func()
