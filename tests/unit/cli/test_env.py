"""``groundswell env check`` finds what would keep a unit from starting."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.main import main


@pytest.mark.parametrize("unit", ["render-node", "worker"])
def test_the_render_nodes_secret_is_read_as_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unit: str
) -> None:
    def check() -> tuple[int, str]:
        return main(["env", "check", "--unit", unit]), capsys.readouterr().err

    secret = tmp_path / "secret"
    monkeypatch.setenv("GROUNDSWELL_RENDER_NODE_SECRET_FILE", str(secret))
    monkeypatch.setenv("GROUNDSWELL_RENDER_NODE_URL", "http://127.0.0.1:8430")
    monkeypatch.setenv("GROUNDSWELL_RENDER_NODE_COMMAND", '["true", "{job}", "{output}"]')
    monkeypatch.setenv("GROUNDSWELL_POSTGRES_URL", "postgresql://groundswell@127.0.0.1/groundswell")
    monkeypatch.setenv("GROUNDSWELL_VALKEY_URL", "redis://127.0.0.1:6379/0")
    code, said = check()
    assert (code, "cannot be read" in said) == (78, True)
    secret.write_text("short")
    secret.chmod(0o600)
    code, said = check()
    assert (code, "is shorter than" in said) == (78, True)
    secret.write_text("s" * 40)
    secret.chmod(0o644)
    code, said = check()
    assert (code, "Others may read" in said) == (78, True)
    secret.chmod(0o600)
    assert check() == (0, "")
