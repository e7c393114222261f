"""The command's last line of defence: words and exit codes, never a stack trace."""

from __future__ import annotations

import errno
import importlib

import pytest

from services.cli.main import main


def ends_with(error: BaseException) -> object:
    def give_up(_name: str) -> object:
        raise error

    return give_up


def test_a_ctrl_c_while_the_verb_is_being_loaded_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib, "import_module", ends_with(KeyboardInterrupt()))
    assert main(["up"]) == 130
    assert capsys.readouterr().err == ""


def test_what_the_system_refuses_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib, "import_module", ends_with(OSError(errno.ENOSPC, "No space left on device")))
    assert main(["up"]) == 74
    assert capsys.readouterr().err == "The operating system refused something: [Errno 28] No space left on device\n"
