"""What runs in the sandbox: ``python child.py RESULT_FD``. It stands alone (no import of ours).

It gives up what is left of its powers, runs ``/input/code.py`` in a folder of its own, and hands out ``result.json``.
"""

from __future__ import annotations

import os
import resource
import sys
import traceback
from pathlib import Path

#: Whoever runs the worker, the code is nobody.
NOBODY = 65_534
LIMITS = {
    resource.RLIMIT_AS: 1024**3,
    resource.RLIMIT_CPU: 30,
    resource.RLIMIT_FSIZE: 32 * 1024**2,
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_NPROC: 0,  # no process and no thread beside it: so memory is bounded in all
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_MEMLOCK: 0,
}
MOST_RESULT = 400_000
READY = b"+"


def give_up() -> None:
    """Become nobody (where the worker is root) and bound what may be taken. Raises OSError."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    for which, most in LIMITS.items():
        resource.setrlimit(which, (most, most))


def hand_out(number: int) -> None:
    """Write ``result.json``, or why it cannot be used, where the worker reads."""
    try:
        with Path("result.json").open("rb") as file:
            result = file.read(MOST_RESULT + 1)
    except OSError:
        return
    while result:
        result = result[os.write(number, result) :]


def wait(number: int) -> bool:
    """Say that we are here, and whether the worker still is: only from now on does its death end ours for certain."""
    os.write(number, READY)
    return os.read(0, 1) == READY


def main(number: int) -> int:
    give_up()
    if not wait(number):
        return 1
    os.chdir("/work")
    sys.path[:0] = ["/packages"]
    sys.argv = ["code.py"]
    code = 0
    try:
        text = Path("/input/code.py").read_text("utf-8")
        space = {"__name__": "__main__", "__builtins__": __builtins__}
        exec(compile(text, "code.py", "exec"), space)  # noqa: S102 - this is what the sandbox is for
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        kind, error, trace = sys.exc_info()
        # Without our own lines.
        traceback.print_exception(kind, error, trace and trace.tb_next, limit=8, file=sys.stdout)
        code = 1
    try:
        sys.stdout.flush()
    except OSError:
        return 1
    hand_out(number)
    return code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
