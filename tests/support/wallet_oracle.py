"""``eth-account``, the oracle for signatures, without what importing it does to the process.

One of its libraries raises the recursion limit for everybody. Hostile JSON nested deeply enough then overflows
the C stack of whatever is tested later in the same process, where it must be refused.
"""

from __future__ import annotations

import sys

_limit = sys.getrecursionlimit()
try:
    from eth_account import Account
    from eth_account.messages import encode_defunct
finally:
    sys.setrecursionlimit(_limit)

__all__ = ["Account", "encode_defunct"]
