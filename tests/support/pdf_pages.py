"""Pages of a PDF as pictures: ``python -m tests.support.pdf_pages IN.pdf OUT.png [PAGE]`` (the first page is 1)."""

from __future__ import annotations

import sys
from pathlib import Path

import pypdfium2
from PIL import Image

#: Pixels a point: an A4 page becomes 833 x 1178.
SCALE = 1.4
#: A printed page has few colours; a palette makes its picture a third as large.
COLOURS = 64


def pages(pdf: bytes, scale: float = SCALE) -> list[Image.Image]:
    """All of them, as a reader shows them."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.render(scale=scale).to_pil().convert("RGB") for page in document]
    finally:
        document.close()


def save(picture: Image.Image, path: Path) -> None:
    """As a PNG with a palette and a hairline around the paper."""
    framed = Image.new("RGB", (picture.width + 2, picture.height + 2), "#d5dbe3")
    framed.paste(picture, (1, 1))
    framed.quantize(COLOURS).save(path, optimize=True)


def main() -> None:
    source, target, *number = sys.argv[1:]
    save(pages(Path(source).read_bytes())[int(number[0]) - 1 if number else 0], Path(target))


if __name__ == "__main__":
    main()
