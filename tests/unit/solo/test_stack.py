"""What a stack refuses before it starts anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.solo.folder import free_port
from services.solo.progress import Progress
from services.solo.stack import Stack, UpOptions
from shared.config.settings import Settings
from shared.errors import InputError


def test_simulated_and_real_posts_are_never_mixed_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "source.json").write_text('"simulator"')
    stack = Stack(Settings(data_dir=str(tmp_path), api_port=free_port()), UpOptions(source="jetstream"), Progress())
    with pytest.raises(InputError, match=r"posts of the source simulator.*DATA=data-jetstream"):
        stack.start()
    stack.close()
    assert not (tmp_path / "postgres").exists()
