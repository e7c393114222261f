"""Code that tries to break out of the sandbox, to take more than its share, or to outlive it. With real bubblewrap."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from services.worker.sandbox.box import AT_ONCE, MOST_OUTPUT, Box, find
from services.worker.sandbox.filter import program
from shared.errors import DependencyError
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def box() -> Box:
    found = find(seconds=10.0)
    if isinstance(found, str):
        pytest.skip(f"no sandbox here: {found}")
    return found


def said(box: Box, code: str) -> str:
    """What it printed; it must come to its end."""
    ran = box.run(code, {})
    assert ran.ended in ("done", "failed"), ran
    return ran.output


def test_it_calculates_over_earlier_results_and_leaves_one_of_its_own(box: Box) -> None:
    code = """
import json, numpy
rows = json.load(open("/input/c1.json"))["rows"]
print(numpy.mean([row[0] for row in rows]))
json.dump({"rows": [{"day": "2026-01-01", "share": 0.25}]}, open("result.json", "w"))
"""
    ran = box.run(code, {"c1.json": b'{"rows": [[1], [4]]}'})
    assert (ran.ended, ran.output, ran.no_result) == ("done", "2.5\n", "")
    assert ran.result == {"rows": [{"day": "2026-01-01", "share": 0.25}]}


def test_a_mistake_is_told_with_its_line_and_a_wrong_result_with_its_reason(box: Box) -> None:
    ran = box.run("x = 1\nprint('before')\nx / 0", {})
    assert (ran.ended, ran.output.splitlines()[0]) == ("failed", "before")
    assert "line 3" in ran.output
    assert "child.py" not in ran.output
    assert ran.output.endswith("ZeroDivisionError: division by zero\n")
    assert box.run("import sys; sys.exit(3)", {}).ended == "failed"
    assert "is not JSON" in box.run("open('result.json', 'w').write('{1')", {}).no_result
    assert "NaN" in box.run("import json; json.dump(float('nan'), open('result.json', 'w'))", {}).no_result
    assert "longer" in box.run("open('result.json', 'w').write(' ' * 500_000)", {}).no_result
    assert "is not JSON" in box.run("open('result.json', 'w').write('[' * 300_000)", {}).no_result


def test_there_is_no_network_and_not_one_socket(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"""
import socket
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET, 40, 38):
    try:
        socket.socket(family, socket.SOCK_STREAM); print("made", family)
    except OSError as error:
        print(error.errno)
try:
    socket.create_connection(("127.0.0.1", {port}), 1); print("connected")
except OSError as error:
    print(error.errno)
print(open("/proc/net/dev").read().count(":"))
"""
        assert said(box, code).split() == ["1"] * 8 + ["1"]  # and of devices the loopback alone


def test_nothing_of_this_machine_is_there_but_the_interpreter(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret.env"
    secret.write_text("GROUNDSWELL_API_TOKEN=secret")
    secret.chmod(0o644)
    monkeypatch.setenv("GROUNDSWELL_API_TOKEN", "secret")
    root = Path(__file__).resolve().parents[3]
    paths = ["/etc/shadow", "/etc/passwd", "/etc/hosts", str(secret), str(root / "env/example.env"), str(root), "/home",
             "/root", "/var", "/tmp", "/run", "/sys", "/boot", "/bin/sh", "/usr/bin/env", "/usr/bin", sys.executable,
             "/proc/1/root/etc/passwd", "/proc/1/cwd/etc/shadow"]  # fmt: skip
    code = f"""
import os
for path in {paths!r}:
    try:
        print("there", path, os.stat(path))
    except OSError as error:
        pass
print(sorted(os.listdir("/")))
print(sorted(os.environ))
print([name for name in os.listdir("/proc") if name.isdigit()])
print(sorted(int(name) for name in os.listdir("/proc/self/fd")))
"""
    lines = said(box, code).splitlines()
    assert [line for line in lines if line.startswith("there")] == []
    assert "'work'" in lines[0]
    assert lines[1] == "['HOME', 'LANG', 'LD_LIBRARY_PATH', 'OPENBLAS_NUM_THREADS']" or "PWD" in lines[1]
    assert "TOKEN" not in lines[1]
    assert len(eval(lines[2])) <= 3  # noqa: S307 - a list that we printed
    # input, output twice, the way out for its result, and the folder that is being listed
    assert len(eval(lines[3])) <= 5  # noqa: S307


def test_it_is_nobody_and_cannot_become_anybody(box: Box) -> None:
    code = """
import ctypes, os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(*(status[name].strip() for name in ("CapEff", "CapPrm", "CapAmb", "NoNewPrivs", "Seccomp")))
for become in (lambda: os.setuid(0), lambda: os.setgroups([0]), lambda: os.chroot("/work")):
    try:
        become(); print("became")
    except OSError as error:
        print(error.errno)
libc = ctypes.CDLL(None, use_errno=True)
print(libc.unshare(0x10000000), ctypes.get_errno())
print(libc.mount(b"none", b"/work", b"tmpfs", 0, None), ctypes.get_errno())
print(libc.ptrace(0, 0, 0, 0), ctypes.get_errno())
print(libc.syscall(425, 1, 0), ctypes.get_errno())
"""
    zero = "0" * 16
    assert said(box, code).splitlines() == [f"{zero} {zero} {zero} 1 2", "1", "1", "1", "-1 1", "-1 1", "-1 1", "-1 1"]


def test_it_can_write_in_its_folder_only_and_not_much(box: Box) -> None:
    code = """
for path in ("/x", "/input/code.py", "/sandbox/child.py", "/python/lib/x", "/packages/x", "/usr/lib/x", "/dev/x",
             "/dev/shm/x", "/etc/x", "/proc/sys/kernel/hostname"):
    try:
        open(path, "w"); print("wrote", path)
    except OSError:
        pass
for number in range(10):
    try:
        open(f"/work/{number}", "wb").write(b"x" * (number + 1) * 10_000_000)
    except OSError as error:
        print(number, error.errno)
"""
    lines = said(box, code).splitlines()
    assert [line for line in lines if line.startswith("wrote")] == []
    assert lines  # files are bounded (EFBIG), and all of them together (ENOSPC)
    assert {line.split()[1] for line in lines} <= {"27", "28"}
    assert box.run("print(open('/work/0').read())", {}).ended == "failed"  # and it is a new folder each time


def test_no_process_and_no_thread_can_be_made(box: Box) -> None:
    code = """
import os, threading, subprocess
for make in (os.fork, lambda: threading.Thread(target=print).start(), lambda: subprocess.run(["/python/bin/python3"]),
             lambda: os.posix_spawn("/python/bin/python3", ["x"], {})):
    try:
        make(); print("made")
    except (OSError, RuntimeError) as error:
        print("refused")
"""
    assert said(box, code).split() == ["refused"] * 4
    assert said(box, "import os\nwhile True:\n    try: os.fork()\n    except OSError: break\nprint('end')") == "end\n"


def test_memory_time_and_output_end(box: Box) -> None:
    assert "MemoryError" in said(box, "x = bytearray(10 * 1024**3)")
    assert "MemoryError" in said(box, "x = []\nwhile True: x.append(bytearray(10_000_000))")
    quick = Box(box._bwrap, seconds=1.0)
    assert quick.run("while True: pass", {}).ended == "too long"
    assert quick.run("import time; time.sleep(60)", {}).ended == "too long"
    loud = box.run("while True: print('x' * 1000)", {})
    assert (loud.ended, len(loud.output)) == ("too much output", MOST_OUTPUT)
    silent = "import os, time\nfor n in range(64):\n    try: os.close(n)\n    except OSError: pass\ntime.sleep(60)"
    assert quick.run(silent, {}).ended == "too long"
    # what it is to hand its result out by is bounded as well
    flood = """
import os, stat
for number in range(3, 64):
    try:
        while stat.S_ISFIFO(os.fstat(number).st_mode): os.write(number, b"x" * 60000)
    except OSError: pass
"""
    assert quick.run(flood, {}).ended == "too long"


def test_few_run_at_the_same_time(box: Box) -> None:
    began = time.monotonic()
    runs = [threading.Thread(target=box.run, args=("import time; time.sleep(0.5)", {})) for _ in range(2 * AT_ONCE)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert time.monotonic() - began >= 1.0


def test_signals_reach_nobody_else(box: Box) -> None:
    code = """
import os, signal
for pid in (1, -1, os.getppid()):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
print("still here")
"""
    assert said(box, code) == "still here\n"


@pytest.mark.parametrize("moment", [0.0, 0.02, 0.5])
def test_the_end_of_the_worker_is_the_end_of_what_it_runs(box: Box, moment: float) -> None:
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    code = f"""
from services.worker.sandbox.box import find
box = find(seconds=300.0)
print("ready", flush=True)
box.run("import time\\nprint('{mark}')\\ntime.sleep(300)", {{"{mark}.json": b"1"}})
"""
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
    eventually(lambda: len(_children(worker.pid)) >= 1 and len(_sandboxed(worker.pid)) >= 1)
    inside = _sandboxed(worker.pid)
    time.sleep(moment)  # while bubblewrap is still setting itself up, and later
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    eventually(lambda: not any(_runs(pid) for pid in inside))


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _runs(pid: int) -> bool:
    """Not of one that has ended and that nobody has asked about since."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def _sandboxed(pid: int) -> list[int]:
    """All that ``pid`` has started, that run our child."""
    found, todo = [], _children(pid)
    while todo:
        one = todo.pop()
        try:
            todo += _children(one)
            if b"/sandbox/child.py" in Path(f"/proc/{one}/cmdline").read_bytes():
                found.append(one)
        except OSError:
            continue
    return found


def test_without_bubblewrap_or_where_it_fails_there_is_a_reason_and_no_box(tmp_path: Path) -> None:
    assert find("no-such-bwrap") == "Bubblewrap is not installed (on Debian and Ubuntu: apt install bubblewrap)."
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    assert "No permissions to create new namespace" in str(find(str(broken)))
    # one that only pretends is not believed either
    pretender = tmp_path / "pretender"
    pretender.write_text("#!/bin/sh\necho in\n")
    pretender.chmod(0o755)
    assert isinstance(find(str(pretender)), str)
    with pytest.raises(DependencyError):
        Box(str(tmp_path / "gone")).run("1", {})


def test_machines_without_a_filter_have_none() -> None:
    assert program("riscv64") is None
    for machine in ("x86_64", "aarch64"):
        filter_ = program(machine)
        assert filter_ is not None
        assert len(filter_) % 8 == 0
        assert re.search(b"\x06\x00\x00\x00\x00\x00\xff\x7f", filter_)  # it allows what it does not refuse
