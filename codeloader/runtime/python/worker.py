"""The program that a Python worker runs: `python3 -I worker.py`, with the node on descriptor 3.

See docs/worker-protocol.md. Only the standard library is used, and as little of it as possible: what is imported
here is paid for by the start of every worker.
"""

import os
import sys

# Behind everything else, so that no module of the author is hidden by one of ours.
sys.path.append(os.path.dirname(os.path.abspath(__file__)))

from millrace_worker.loop import main  # noqa: E402

main()
