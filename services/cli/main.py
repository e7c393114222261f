"""The ``groundswell`` command: one verb a job, errors in plain words, results on standard output."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence

import msgspec

from shared.errors import GroundswellError

#: Exit codes of a Ctrl-C (128 + SIGINT), and of sysexits' EX_IOERR.
INTERRUPTED, SYSTEM_REFUSED = 130, 74


class Verb(msgspec.Struct, frozen=True):
    """A verb lives in ``services.cli.<module>`` as ``arguments(parser)`` and ``run(args) -> exit code``.

    Modules are imported only when their verb is used: ``groundswell help`` needs no model.
    """

    name: str
    module: str
    help: str


VERBS = (
    Verb("up", "up", "start the whole platform on this machine"),
    Verb("doctor", "doctor", "look at this installation and say what is wrong and what to do"),
    Verb("search", "search", "search the stored posts by meaning and words"),
    Verb("ask", "ask", "ask an agent a question and print its report"),
    Verb("pipeline", "pipeline", "run a pipeline (daily briefing, weekly report, ...) and print its report"),
    Verb("embed", "embed", "say what runs the embedding model here, and why not another"),
    Verb("feed", "feed", "list, add, pause, resume and remove feeds"),
    Verb("watch", "watch", "list and save watches, and ask what a rule would have found"),
    Verb("replay", "replay", "put a recorded stream through the real pipeline"),
    Verb("detect", "detect", "run the momentum engine alone over a recording"),
    Verb("simulate", "simulate", "serve a simulated feed, or record it"),
    Verb("env", "env", "check the configuration, or print its template or documentation"),
    Verb("vectors", "vectors", "look at the vector index, repair it, keep and restore snapshots of Qdrant"),
    Verb("op", "op", "list, describe and call every operation of the API"),
    Verb("mcp", "mcp", "offer the platform to a language model's client over standard input and output"),
    Verb("backup", "backup", "take an encrypted backup, list them, or show their key"),
    Verb("restore", "restore", "put a backup in place of the record, or prove that it could be (--verify)"),
    Verb("upgrade", "upgrade", "bring the record to this version: check, back up, migrate, verify, or go back"),
    Verb("migrate", "migrate", "bring the database schema up to date"),
    Verb("relay", "units", "run the relay alone"),
    Verb("api", "units", "run the API alone"),
    Verb("worker", "units", "run a worker alone"),
    Verb("combined", "units", "run relay, API and worker in one process"),
    Verb("render-node", "units", "print reports with a program of this machine, for workers elsewhere"),
    Verb("openapi", "openapi", "print the API's OpenAPI document"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the process's exit code. Expected errors print as text, never as a stack trace."""
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except GroundswellError as error:
        print("\n".join(part for part in (error.what, error.why, error.do) if part), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0
    except OSError as error:  # a full disk, a closed folder: not ours to mend, but to say
        print(f"The operating system refused something: {error}", file=sys.stderr)
        return SYSTEM_REFUSED


def _run(given: Sequence[str]) -> int:
    """Read the verb and its options, importing only what it needs, and run it."""
    parser = argparse.ArgumentParser(prog="groundswell", description="Real-time intelligence that one person can run.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    chosen = given[0] if given else ""
    for verb in VERBS:
        sub = verbs.add_parser(verb.name, help=verb.help, description=verb.help.capitalize() + ".")
        if verb.name == chosen:
            module = importlib.import_module(f"services.cli.{verb.module}")
            module.arguments(sub)
            sub.set_defaults(run=module.run)
    options = parser.parse_args(given)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
