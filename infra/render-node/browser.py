"""A render command for machines without publishing software: a browser or LibreOffice prints a page we lay out.

    GROUNDSWELL_RENDER_NODE_COMMAND='["python3","/opt/render-node/browser.py","chromium","{job}","{output}"]'
    GROUNDSWELL_RENDER_NODE_COMMAND='["python3","/opt/render-node/browser.py","soffice","{job}","{output}"]'

Standard library only. Texts of posts are hostile: all of them are escaped, and the only links are those in
``quotes``, which Groundswell built. Tried with Chromium; the LibreOffice half was never run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path
from typing import Any

STYLE = """
@page { size: A4; margin: 22mm 20mm }
body { font: 10.5pt/1.5 sans-serif; color: #16202e }
h1 { font-size: 26pt; margin: 0 } h2 { font-size: 13pt; margin: 18pt 0 4pt; color: #0b6e8f; break-after: avoid }
p { margin: 0 0 6pt } .quiet { color: #5b6777; font-size: 9pt } .lead { font-size: 12pt; margin: 12pt 0 }
img { width: 100%; margin: 8pt 0 } .quote { break-inside: avoid; border-top: .5pt solid #d5dbe3; padding-top: 6pt }
"""


def page(report: dict[str, Any], job: Path) -> str:
    """The report as HTML. Assets are named by the node, never by the job."""
    assets = json.loads((job / "assets.json").read_text("utf-8"))
    chart = next((asset["file"] for asset in assets if asset["label"] == "chart"), None)
    parts = [
        f"<!doctype html><meta charset=utf-8><title>{escape(report['title'])}</title><style>{STYLE}</style>",
        f"<h1 dir=auto>{escape(report['label'])}</h1>",
        f"<p class=quiet>{escape(report['range'])} · made at {escape(report['made'])}</p>",
        f"<p class=lead dir=auto>{escape(report['summary'])}</p>",
        f"<img src='{chart}' alt=''>" if chart else "",
    ]
    for section in report["sections"]:
        parts.append(f"<h2>{escape(section['heading'])}</h2>")
        parts += [f"<p dir=auto>{escape(text)}</p>" for text in section["paragraphs"]]
    parts.append("<h2>Quoted posts</h2>" if report["quotes"] else "")
    for quote in report["quotes"]:
        link = f" · <a href='{escape(quote['url'])}'>open the post</a>" if quote["url"] else ""
        facts = f"{escape(quote['author'])} · {escape(quote['time'])}{link}"
        parts.append(f"<div class=quote><p dir=auto>[{quote['number']}] {escape(quote['text'])}</p>")
        parts.append(f"<p class=quiet>{facts}</p></div>")
    return "".join(parts)


def main(program: str, job: Path, output: Path) -> int:
    """Lay out, print, and leave the PDF where the node looks for it."""
    source = job / "page.html"
    source.write_text(page(json.loads((job / "report.json").read_text("utf-8")), job), "utf-8")
    if program.endswith("soffice"):
        profile = (
            f"-env:UserInstallation={(job / 'profile').as_uri()}"  # its own, so that no lock of another run counts
        )
        words = [program, profile, "--headless", "--convert-to", "pdf:writer_web_pdf_Export", "--outdir", str(job)]
        code = subprocess.run([*words, str(source)], check=False).returncode
        if code == 0:
            shutil.move(job / "page.pdf", output)
        return code
    words = [program, "--headless", "--no-pdf-header-footer", "--disable-gpu", f"--user-data-dir={job / 'profile'}"]
    # As root Chromium needs --no-sandbox; do not run a node as root.
    extra = sys.argv[4:]
    return subprocess.run([*words, *extra, f"--print-to-pdf={output}", source.as_uri()], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]).absolute(), Path(sys.argv[3]).absolute()))
