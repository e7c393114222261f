"""Runs Python that a language model wrote, in bubblewrap: without a network, files of ours, processes or secrets.

What holds: namespaces of its own (network, processes, users or a real other user, mounts), a read-only system with the
interpreter and numpy and nothing else of this machine, an empty folder in memory to write into, no environment, no open
files, a filter of system calls, limits on memory, time, files and output, no second process or thread. What does not
hold is a hole in the kernel. See ``docs/analysis.md``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from services.worker.sandbox import child
from services.worker.sandbox.filter import program as call_filter
from shared.errors import DependencyError

CHILD = Path(__file__).parent / "child.py"
#: Characters of code, bytes of output that are kept, of the folder in memory, and seconds by the clock.
MOST_CODE, MOST_OUTPUT, ROOM, SECONDS = 20_000, 20_000, 64 * 1024**2, 30.0
#: Boxes of one worker that run at the same time: each may take a gigabyte and a processor.
AT_ONCE = 2
_SYSTEM = ("/usr/lib", "/usr/lib64", "/usr/lib32", "/usr/libexec/ld")
_LINKS = ("/lib", "/lib64")
#: The end of a process that cannot end by itself.
_REAP_SECONDS = 5.0

How = Literal["done", "failed", "too long", "too much output", "killed"]


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How the code ended. ``output`` is what it printed, with its error; ``result`` what it left in result.json.

    ``no_result`` says why there is none although the code wrote one.
    """

    ended: How
    output: str
    result: Any = None
    no_result: str = ""


class Box:
    """A sandbox that was tried. ``bwrap`` is bubblewrap's program."""

    def __init__(self, bwrap: str, seconds: float = SECONDS) -> None:
        self._bwrap, self._seconds = bwrap, seconds
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def run(self, code: str, files: Mapping[str, bytes]) -> Ran:
        """Run ``code`` with ``files`` (by plain name) in its folder /input. Raises DependencyError: nothing was run."""
        with tempfile.TemporaryDirectory(prefix="groundswell-box-") as name:
            folder = Path(name)
            for file, content in {**files, "code.py": code.encode("utf-8", "replace")}.items():
                (folder / file).write_bytes(content)
                (folder / file).chmod(0o444)
            folder.chmod(0o755)  # read by nobody, from within
            try:
                return self._run(folder)
            except OSError as error:
                raise DependencyError("The sandbox could not be started.", why=str(error.strerror)) from error

    def _run(self, folder: Path) -> Ran:
        with self._turn:
            return self._started(folder)

    def _started(self, folder: Path) -> Ran:
        from_child, to_worker = os.pipe()
        with os.fdopen(from_child, "rb", 0) as reading, os.fdopen(to_worker, "wb", 0) as writing, _filter() as filter_:
            started = subprocess.Popen(
                [*_command(self._bwrap, folder, filter_), str(to_worker)],
                stdin=subprocess.PIPE,
                bufsize=0,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(to_worker, filter_),
                env={},
                cwd="/",
            )
            writing.close()
            assert started.stdout is not None and started.stdin is not None  # noqa: S101,PT018 - asked for above
            try:
                until = time.monotonic() + self._seconds
                output, result, how = _read(started.stdout.fileno(), reading.fileno(), until, started.stdin)
                if how is None and not _ends(started):
                    how = "too long"  # it closed what it writes to and went on
            finally:
                # The monitor's death ends the namespace of processes, and so everything in it.
                started.kill()
                started.stdout.close()
                started.stdin.close()
                code = started.wait(_REAP_SECONDS)
        return _told(output, result, how or ("done" if code == 0 else "killed" if code > 128 else "failed"))


def find(bwrap: str = "bwrap", seconds: float = SECONDS) -> Box | str:
    """The sandbox, or why there is none. It is tried: a box that cannot hold is none."""
    if sys.platform != "linux":
        return "Bubblewrap needs Linux."
    if call_filter() is None:
        return f"There is no filter of system calls for this kind of machine ({os.uname().machine})."
    path = shutil.which(bwrap)
    if path is None:
        return "Bubblewrap is not installed (on Debian and Ubuntu: apt install bubblewrap)."
    box = Box(path, seconds)
    try:
        ran = box.run("import json, os\njson.dump(os.getpid(), open('result.json', 'w'))\nprint('in')", {})
    except DependencyError as error:
        return error.why
    if ran.ended != "done" or ran.output != "in\n" or not isinstance(ran.result, int):
        said = " ".join(ran.output.split())[-200:] or "nothing"
        return f"Bubblewrap could not make a box here; it said: {said}"
    return box


def _command(bwrap: str, folder: Path, filter_: int) -> list[str]:
    base = Path(sys.base_prefix)
    interpreter = Path(os.path.realpath(sys.executable))
    apart = ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() == 0:  # the child becomes nobody by itself: inside a user namespace root would still be root
        apart += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        apart += ["--unshare-user", "--cap-drop", "ALL"]
    command = [bwrap, *apart, "--die-with-parent", "--new-session", "--clearenv"]
    environment = {"HOME": "/work", "LANG": "C.UTF-8", "LD_LIBRARY_PATH": "/python/lib", "OPENBLAS_NUM_THREADS": "1"}
    for name, value in environment.items():
        command += ["--setenv", name, value]
    for name in ("/usr", "/etc", "/python", "/python/bin", "/packages", "/sandbox", "/input"):
        command += ["--perms", "0755", "--dir", name]
    for name in _SYSTEM:
        command += ["--ro-bind-try", name, name]
    for name in _LINKS:
        link = Path(name)
        if link.is_symlink():
            command += ["--symlink", f"usr{name}", name]
        elif link.exists():
            command += ["--ro-bind", name, name]
    command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    command += ["--ro-bind-try", "/usr/share/zoneinfo", "/usr/share/zoneinfo"]
    command += ["--ro-bind", str(base / "lib"), "/python/lib", "--ro-bind", str(interpreter), "/python/bin/python3"]
    for source in _packages():
        command += ["--ro-bind", str(source), f"/packages/{source.name}"]
    command += ["--ro-bind", str(CHILD), "/sandbox/child.py", "--ro-bind", str(folder), "/input"]
    command += ["--proc", "/proc", "--dev", "/dev", "--perms", "0777", "--size", str(ROOM), "--tmpfs", "/work"]
    command += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/work", "--seccomp", str(filter_), "--"]
    return [*command, "/python/bin/python3", "-I", "-S", "/sandbox/child.py"]


def _packages() -> Iterator[Path]:
    """numpy and the libraries that its wheel keeps beside it."""
    found = importlib.util.find_spec("numpy")
    if found and found.origin:
        home = Path(found.origin).parent
        yield home
        if (beside := home.with_name("numpy.libs")).is_dir():
            yield beside


@contextlib.contextmanager
def _filter() -> Iterator[int]:
    """A file with the filter of system calls, to be read from its beginning."""
    text = call_filter()
    assert text is not None  # noqa: S101 - ``find`` gave no box otherwise
    number = os.memfd_create("filter")
    try:
        os.write(number, text)
        os.lseek(number, 0, os.SEEK_SET)
        yield number
    finally:
        os.close(number)


def _read(output: int, result: int, deadline: float, begin: IO[bytes]) -> tuple[bytes, bytes, How | None]:
    """What comes from both until both end, the time is over, or it is too much. Told to ``begin`` once it is there."""
    kept = {output: b"", result: b""}
    waiting = True
    most = {output: MOST_OUTPUT, result: child.MOST_RESULT + 1}
    with selectors.DefaultSelector() as both:
        for number in kept:
            both.register(number, selectors.EVENT_READ)
        while both.get_map():
            left = deadline - time.monotonic()
            ready = both.select(left) if left > 0 else []
            if not ready:
                return kept[output], kept[result], "too long"
            for key, _ in ready:
                number = key.fd
                part = os.read(number, 1 if waiting and number == result else 65_536)
                if waiting and part == child.READY and number == result:
                    waiting = False
                    begin.write(child.READY)
                    begin.close()
                    continue
                kept[number] = (kept[number] + part)[: most[number]]
                if not part:
                    both.unregister(number)
                elif len(kept[output]) == MOST_OUTPUT:
                    return kept[output], kept[result], "too much output"
    return kept[output], kept[result], None


def _ends(started: subprocess.Popen[bytes]) -> bool:
    """Whether it ends by itself, as it does once both its ends are closed."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        started.wait(1.0)
        return True
    return False


def _told(output: bytes, result: bytes, how: How) -> Ran:
    text = output.decode("utf-8", "replace")
    if not result:
        return Ran(ended=how, output=text)
    if len(result) > child.MOST_RESULT:
        return Ran(ended=how, output=text, no_result=f"result.json is longer than {child.MOST_RESULT:,} bytes.")
    try:
        return Ran(ended=how, output=text, result=json.loads(result, parse_constant=_no_constant))
    except (ValueError, RecursionError) as error:
        return Ran(ended=how, output=text, no_result=f"result.json is not JSON: {str(error)[:200]}")


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
