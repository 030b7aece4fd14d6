"""A certificate as PDF: a page for the wall, and one with all that was signed, for whoever verifies it.

Chinese is set in STSong-Light, which PDF readers bring along: no font file has to be there or be embedded.
"""

from __future__ import annotations

import io
import json

from reportlab.lib.pagesizes import A4, landscape
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from hub.rewards.models import Certificate

WIDTH, HEIGHT = landscape(A4)
MARGIN = 54.0
SLATE, GOLD, INK, QUIET = (0.10, 0.115, 0.125), (0.77, 0.56, 0.08), (0.1, 0.11, 0.12), (0.38, 0.42, 0.43)
LATIN, CHINESE, MONO = "Helvetica", "STSong-Light", "Courier"
SMALL = 7.5


def as_pdf(certificate: Certificate) -> bytes:
    """Both pages; the same bytes each time for the same certificate."""
    pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(WIDTH, HEIGHT), invariant=1, lang="en")
    canvas.setTitle(f"{certificate.number} {certificate.title_en}")
    canvas.setAuthor("Touchstone")
    statement = json.loads(certificate.statement)
    _front(canvas, certificate, statement)
    canvas.showPage()
    _back(canvas, certificate, statement["verify"], statement["issuer"])
    canvas.save()
    return out.getvalue()


def _front(canvas: Canvas, certificate: Certificate, statement: dict) -> None:
    canvas.setFillColorRGB(*SLATE)
    canvas.rect(0, HEIGHT - 96, WIDTH, 96, stroke=0, fill=1)
    canvas.setFillColorRGB(*GOLD)
    streak = canvas.beginPath()
    streak.moveTo(MARGIN, HEIGHT - 82)
    streak.lineTo(WIDTH - 250, HEIGHT - 70)
    streak.lineTo(WIDTH - 270, HEIGHT - 78)
    streak.lineTo(MARGIN + 20, HEIGHT - 88)
    streak.close()
    canvas.drawPath(streak, stroke=0, fill=1)
    _line(canvas, "Touchstone 试金石", MARGIN, HEIGHT - 52, 24, (1, 1, 1))
    _line(canvas, certificate.number, WIDTH - 200, HEIGHT - 52, 14, (1, 1, 1))
    _line(canvas, "Certificate · 证书", MARGIN, HEIGHT - 150, 14, QUIET)
    holder = statement["holder"]
    _line(canvas, f"{holder['name']}  ({holder['username']})", MARGIN, HEIGHT - 196, 30, INK)
    y = HEIGHT - 246
    for language, size in (("en", 20), ("zh", 18)):
        y = _text(canvas, statement["title"][language], y, size, INK)
    y -= 10
    for fact in statement["facts"]:
        y = _text(canvas, f"{fact['en']}  ·  {fact['zh']}", y, 11, QUIET)
    issued = certificate.issued_at.strftime("%Y-%m-%d")
    _line(canvas, f"Issued · 颁发日期  {issued}", MARGIN, 84, 11, INK)
    _line(canvas, f"Verify · 验证  {statement['verify']}", MARGIN, 64, 11, INK)
    canvas.linkURL(statement["verify"], (MARGIN, 58, WIDTH - MARGIN, 76))
    if certificate.revoked_at is not None:
        canvas.setFillColorRGB(0.62, 0.16, 0.13)
        _line(canvas, "REVOKED · 已吊销", MARGIN, 116, 30, (0.62, 0.16, 0.13))


def _back(canvas: Canvas, certificate: Certificate, verify: str, issuer: str) -> None:
    _line(canvas, "What was signed · 签名的原文", MARGIN, HEIGHT - MARGIN, 12, INK)
    y = HEIGHT - MARGIN - 20
    for line in certificate.statement.splitlines():
        y = _text(canvas, line, y, SMALL, INK, MONO)
    y = _text(canvas, "Signature (Ed25519, base64) · 签名", y - 8, 12, INK)
    y = _text(canvas, certificate.signature, y, SMALL, INK, MONO)
    y = _text(canvas, "How to verify it offline · 离线验证方法", y - 8, 12, INK)
    for line in commands(verify, issuer, certificate.number).splitlines():
        y = _text(canvas, line, y, SMALL, INK, MONO)


def commands(verify: str, issuer: str, number: str) -> str:
    """Lines for a terminal; of these only the last is needed once the three files are there."""
    return (
        f"curl -fO {issuer}/certificates/key.pem\n"
        f"curl -fo {number}.json {verify}statement.json\n"
        f"curl -fo {number}.sig {verify}statement.sig\n"
        f"openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in {number}.json -sigfile {number}.sig"
    )


def _line(canvas: Canvas, text: str, x: float, y: float, size: float, ink: tuple, latin: str = LATIN) -> None:
    """One line: runs of Latin letters in one font, all else in the Chinese one."""
    canvas.setFillColorRGB(*ink)
    for font, run in _runs(text, latin):
        canvas.setFont(font, size)
        canvas.drawString(x, y, run)
        x += pdfmetrics.stringWidth(run, font, size)


def _text(canvas: Canvas, text: str, y: float, size: float, ink: tuple, latin: str = LATIN) -> float:
    """The text broken where it meets the margin; where the next line goes."""
    room, line = WIDTH - 2 * MARGIN, ""
    for letter in text:
        if _width(line + letter, size, latin) > room:
            _line(canvas, line, MARGIN, y, size, ink, latin)
            line, y = "", y - size * 1.45
        line += letter
    _line(canvas, line, MARGIN, y, size, ink, latin)
    return y - size * 1.45


def _width(text: str, size: float, latin: str) -> float:
    return sum(pdfmetrics.stringWidth(run, font, size) for font, run in _runs(text, latin))


def _runs(text: str, latin: str) -> list[tuple[str, str]]:
    runs: list[tuple[str, str]] = []
    for letter in text:
        font = latin if ord(letter) < 0x100 else CHINESE
        if runs and runs[-1][0] == font:
            runs[-1] = (font, runs[-1][1] + letter)
        else:
            runs.append((font, letter))
    return runs
