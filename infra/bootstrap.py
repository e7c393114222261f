"""Makes this checkout ready to run or to test, with nothing but Python's standard library.

    python3 infra/bootstrap.py run     virtual environment from requirements/run.lock, the dashboard, and bubblewrap (a
                                       sandbox for agents) where it can be had
    python3 infra/bootstrap.py test    the same with the test tools, and Chromium where it can be had
    python3 infra/bootstrap.py bench   the same as run with the peers that ``make bench`` compares with
    python3 infra/bootstrap.py fuzz    the same as run with schemathesis, which fuzzes the API
    python3 infra/bootstrap.py english the same as run with the English embedding model
    python3 infra/bootstrap.py llm     the same as run with what asks Claude and knows prices

Each step says what it does and how long it took, and is skipped when its inputs have not changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
NODE_VENV = ROOT / ".venv-node"
STAMPS = ROOT / ".build"
FRONTEND = ROOT / "services" / "frontend"
PYTHONS = ((3, 11), (3, 13))
LEAST_NODE = (20, 19)
#: Room for the virtual environment, the dashboard's build tools and a first data folder.
NEEDED_BYTES = 2_500_000_000

#: What can be installed on top, by its lock, and what is said meanwhile.
MORE = {
    "bench": "Installing what the bench compares with",
    "fuzz": "Installing what tries to break the API",
    "english": "Installing the English embedding model",
    "llm": "Installing Anthropic's SDK and litellm",
}


class Stop(Exception):
    """A person has to do something first; the text says what."""


def main() -> int:
    """Prepare for what the first argument says."""
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    try:
        check_python()
        check_space()
        install("run" if purpose in MORE else purpose)
        if purpose in MORE:
            install_more(purpose)
            return 0
        build_frontend(with_tests=purpose == "test")
        offer_bubblewrap()
        if purpose == "test":
            offer_chromium()
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The next run goes on from here.", file=sys.stderr)
        return 130
    return 0


def check_python() -> None:
    """Refuse a Python the locks were not made for."""
    low, high = PYTHONS
    if not low <= sys.version_info[:2] <= high:
        raise Stop(
            f"This is Python {sys.version_info.major}.{sys.version_info.minor}; "
            f"Groundswell runs on {low[0]}.{low[1]} to {high[0]}.{high[1]}.\n"
            "Name one that is: make run PYTHON=python3.12"
        )


def check_space() -> None:
    """Refuse a disk on which the installation would end half-way."""
    free = shutil.disk_usage(ROOT).free
    if not VENV.exists() and free < NEEDED_BYTES:
        raise Stop(f"Only {free // 1_000_000} MB are free here; the installation needs {NEEDED_BYTES // 1_000_000}.")


def install(purpose: str) -> None:
    """The virtual environment, exactly as locked."""
    lock = ROOT / "requirements" / ("test.lock" if purpose == "test" else "run.lock")
    wanted = digest([lock, ROOT / "pyproject.toml"]) + sys.version
    if fresh("python-test", digest([ROOT / "requirements" / "test.lock", ROOT / "pyproject.toml"]) + sys.version):
        return  # the test tools include everything that running needs
    if fresh(f"python-{purpose}", wanted):
        return
    python = VENV / "bin" / "python"
    if not works(python):
        with step("Making the virtual environment"):
            shutil.rmtree(VENV, ignore_errors=True)
            make_venv(VENV)
    with step(f"Installing Python packages ({count(lock)}, hash-checked)"):
        call([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", lock])
    with step("Installing Groundswell itself"):
        # Editable, without build isolation: the build tool is locked like everything else.
        flags = ["-q", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
        call([python, "-m", "pip", "install", *flags, "-e", ROOT])
    stamp(f"python-{purpose}", wanted)


def install_more(purpose: str) -> None:
    """The packages of another lock, beside whatever is installed already."""
    lock = ROOT / "requirements" / f"{purpose}.lock"
    wanted = digest([lock]) + sys.version
    if fresh(f"python-{purpose}", wanted):
        return
    with step(MORE[purpose]):
        pip = [VENV / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        call([*pip, "--require-hashes", "-r", lock])
    stamp(f"python-{purpose}", wanted)


def build_frontend(*, with_tests: bool) -> None:
    """The dashboard's static files; without them the API still works and says what is missing."""
    if not (FRONTEND / "package.json").exists():
        return
    sources = [path for path in tracked(FRONTEND) if path.suffix != ".md"]
    wanted = digest(sources)
    installed = digest([FRONTEND / "package-lock.json"])
    built = fresh("frontend", wanted) and (FRONTEND / "dist" / "index.html").exists()
    packages = fresh("frontend-packages", installed) and (FRONTEND / "node_modules").exists()
    if built and (packages or not with_tests):
        return
    environment = node_environment()
    if not packages:
        with step("Installing the dashboard's build tools"):
            call(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=FRONTEND, env=environment)
        stamp("frontend-packages", installed)
    if not built:
        with step("Building the dashboard"):
            call(["npm", "run", "--silent", "build"], cwd=FRONTEND, env=environment)
        stamp("frontend", wanted)


def node_environment() -> dict[str, str]:
    """An environment with Node 20.19 or newer and npm: the machine's, else one from a wheel."""
    environment = dict(os.environ)
    if node_version(environment) >= LEAST_NODE and shutil.which("npm"):
        return environment
    lock = ROOT / "requirements" / "node.lock"
    environment["PATH"] = f"{NODE_VENV / 'bin'}{os.pathsep}{environment.get('PATH', '')}"
    if not fresh("node", digest([lock])) or not (NODE_VENV / "bin" / "npm").exists():
        with step("Fetching Node.js (this machine has none that fits)"):
            shutil.rmtree(NODE_VENV, ignore_errors=True)
            make_venv(NODE_VENV)
            pip = [NODE_VENV / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            call([*pip, "--require-hashes", "-r", lock])
        stamp("node", digest([lock]))
    return environment


def node_version(environment: dict[str, str]) -> tuple[int, ...]:
    """Version of the Node on the path, (0,) if there is none."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, env=environment)
        return tuple(int(part) for part in re.findall(r"\d+", said.stdout)[:2])
    return (0,)


def offer_bubblewrap() -> None:
    """Install Debian's bubblewrap, in which agents run Python, where that is possible; never fail over it.

    Tried once: without it that one tool is off and says so.
    """
    if not sys.platform.startswith("linux") or shutil.which("bwrap") or fresh("bubblewrap", "tried"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print("  No bubblewrap here: agents will not run Python (apt install bubblewrap).", file=sys.stderr)
        return
    with step("Installing bubblewrap from Debian (a sandbox for agents)"):
        install_from_debian("bubblewrap")
    stamp("bubblewrap", "tried")


def install_from_debian(package: str) -> None:
    """Best effort, and bounded: there may be no network."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "-qq", "update"], ["apt-get", "-qq", "-y", "install", package]):
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                command, env=quiet, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=600
            )


def offer_chromium() -> None:
    """Install Debian's Chromium for the browser journey where that is possible; never fail over it."""
    if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print("  No Chromium here: the browser journey will say that it did not run.", file=sys.stderr)
        return
    with step("Installing Chromium from Debian for the browser journey"):
        install_from_debian("chromium")


def make_venv(folder: Path) -> None:
    """A virtual environment with pip."""
    done = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise Stop(
            "Python could not make a virtual environment:\n"
            f"  {(done.stdout + done.stderr).strip()}\n"
            "On Debian and Ubuntu the part that is missing is: apt install python3-venv"
        )


def works(python: Path) -> bool:
    """Whether this interpreter starts and is the version of the one that runs us."""
    with contextlib.suppress(OSError):
        version = "import sys; print(sys.version)"
        said = subprocess.run([python, "-c", version], capture_output=True, text=True, check=False)
        return said.returncode == 0 and said.stdout.strip() == sys.version.strip()
    return False


def call(command: list[object], cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """Run a command; show its output only when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        tail = "\n  ".join(done.stdout.strip().splitlines()[-15:])
        raise Stop(f"This failed: {' '.join(words)}\n  {tail}\nRun the same make command again to go on from here.")


def tracked(folder: Path) -> list[Path]:
    """All source files below ``folder``, without what a build makes."""
    made = {"node_modules", "dist", ".svelte-kit", "coverage"}
    return sorted(p for p in folder.rglob("*") if p.is_file() and not made & set(p.relative_to(folder).parts))


def digest(files: list[Path]) -> str:
    """One hash over names and contents."""
    whole = hashlib.sha256()
    for path in files:
        whole.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def count(lock: Path) -> int:
    """Packages in a lock file."""
    return sum("==" in line and not line.startswith((" ", "#")) for line in lock.read_text().splitlines())


def fresh(name: str, wanted: str) -> bool:
    """Whether the step ``name`` was done with exactly these inputs."""
    path = STAMPS / name
    return path.exists() and path.read_text() == wanted


def stamp(name: str, wanted: str) -> None:
    """Record that the step ``name`` is done."""
    STAMPS.mkdir(exist_ok=True)
    (STAMPS / name).write_text(wanted)


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """A line that says what is being done and how long it took."""
    begun = time.monotonic()
    print(f"  {what:<52}", end="", file=sys.stderr, flush=True)
    try:
        yield
    except BaseException:
        print(" failed", file=sys.stderr)
        raise
    print(f" {time.monotonic() - begun:6.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
