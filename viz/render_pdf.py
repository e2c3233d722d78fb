"""A diagram as PDF: one page of lines and letters, sharp at any size and searchable.

The wheel's Graphviz writes no PDF, so its drawing commands (``-Tjson``, Graphviz's xdot) become a page here, which has
the same bytes on every machine. Its letters are those of the fonts that every reader of PDF has; where a name needs
others, the page is a picture of 200 dots per inch instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .graphviz import layout
from .model import Diagram
from .render_dot import BACKSLASH, render_dot

_DPI = 200
_PAD = 18.0
_ROUND = 0.5523  # of a circle's radius: where the handles of its four curves stand
_FACES = {0: "F0", 1: "F1", 2: "F2", 3: "F3"}  # Graphviz's font flags: bold is 1, italic is 2
_FONTS = {"F0": "Helvetica", "F1": "Helvetica-Bold", "F2": "Helvetica-Oblique", "F3": "Helvetica-BoldOblique"}
_SYMBOLS = {"→": "\\256", "≤": "\\243", "≥": "\\263"}  # in the font Symbol
_DASHES = {"solid": "[] 0 d", "dashed": "[5 2] 0 d", "dotted": "[1 4] 0 d"}
_STANDS_FOR_BACKSLASH = "\x80"  # Graphviz's JSON cuts words that have backslashes; no word that is shown has this

Op = dict[str, Any]


def render_pdf(diagram: Diagram) -> bytes:
    """The diagram as a PDF document of one page.

    Args:
        diagram: the diagram.

    Raises:
        FlowError: Graphviz failed.
        ToolMissing: there is no Graphviz.
    """
    source = render_dot(diagram)
    written = source.replace(BACKSLASH, _STANDS_FOR_BACKSLASH)
    drawn = json.loads(layout(written, "json"), object_hook=_plain)
    left, bottom, right, top = (float(part) for part in drawn["bb"].split(","))
    width, height = right - left + 2 * _PAD, top - bottom + 2 * _PAD
    strokes = list(_strokes(drawn))
    if all(_has_letters(op["text"]) for _, ops in strokes for op in ops if op["op"] == "T"):
        page = _Page()
        for sort, ops in strokes:
            page.paint(sort, ops)
        moved = f"1 0 0 1 {_n(_PAD - left)} {_n(_PAD - bottom)} cm\n"
        return _document(width, height, (moved + page.content).encode("ascii"), None)
    picture = layout(source, "jpg", dpi=_DPI)
    pixels = _pixels(picture)
    width, height = (side * 72 / _DPI for side in pixels)
    return _document(width, height, f"{_n(width)} 0 0 {_n(height)} 0 0 cm /Im Do".encode(), (picture, *pixels))


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return item | {"text": item["text"].replace(_STANDS_FOR_BACKSLASH, "\\")} if item.get("op") == "T" else item


def _strokes(drawn: dict[str, Any]) -> Iterator[tuple[str, list[Op]]]:
    """The drawing commands in the order painted, and of what sort of thing: ground, frames, edges, nodes."""
    objects = drawn.get("objects", [])
    frames = [item for item in objects if item["name"].startswith("cluster")]
    nodes = [item for item in objects if not item["name"].startswith("cluster")]
    groups = (("ground", [drawn]), ("frame", frames), ("edge", drawn.get("edges", [])), ("node", nodes))
    for sort, items in groups:
        for item in items:
            for part in ("_draw_", "_tdraw_", "_hdraw_", "_ldraw_"):
                if part in item:
                    yield sort, item[part]


class _Page:
    """Turns drawing commands into a page's content."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.size, self.flags, self.sort = 9.0, dict[str, int](), ""
        self.pen, self.brush, self.drawn = "0 0 0", "0 0 0", True
        self.does: dict[str, Callable[[Op], None]] = {
            "F": self.font, "t": self.face, "T": self.text, "c": self.color, "C": self.fill, "S": self.style,
            "P": self.polygon, "p": self.polygon, "E": self.ellipse, "e": self.ellipse, "L": self.line,
            "B": self.curve, "b": self.curve,
        }  # fmt: skip

    @property
    def content(self) -> str:
        return "\n".join(self.parts)

    def paint(self, sort: str, ops: list[Op]) -> None:
        """Paints commands that belong together: what they set of lines is over with them."""
        self.sort = sort  # Graphviz says bold and italic only when they change, for each sort of thing by itself
        self.parts.append("q")
        for op in ops:
            does = self.does.get(op["op"])
            if does is not None:
                does(op)
        self.parts.append("Q")

    def font(self, op: Op) -> None:
        self.size = float(op["size"])

    def face(self, op: Op) -> None:
        self.flags[self.sort] = int(op["fontchar"]) & 3

    def color(self, op: Op) -> None:
        self.pen, self.drawn = _rgb(op["color"]), not _is_clear(op["color"])
        self.parts.append(f"{self.pen} RG")

    def fill(self, op: Op) -> None:
        self.brush = _rgb(op["color"])

    def style(self, op: Op) -> None:
        style = op["style"]
        if style.startswith("setlinewidth("):
            self.parts.append(f"{_n(float(style[13:-1]))} w")
        elif style in _DASHES:
            self.parts.append(_DASHES[style])

    def polygon(self, op: Op) -> None:
        first, *rest = op["points"]
        self.path(op, [f"{_point(first)} m", *(f"{_point(point)} l" for point in rest), "h"])

    def line(self, op: Op) -> None:
        first, *rest = op["points"]
        self.path(op, [f"{_point(first)} m", *(f"{_point(point)} l" for point in rest)])

    def curve(self, op: Op) -> None:
        first, *rest = op["points"]
        curves = [" ".join(map(_point, rest[start : start + 3])) + " c" for start in range(0, len(rest), 3)]
        self.path(op, [f"{_point(first)} m", *curves])

    def ellipse(self, op: Op) -> None:
        x, y, wide, high = op["rect"]
        w, h = wide * _ROUND, high * _ROUND
        corners = [
            ((x + wide, y + h), (x + w, y + high), (x, y + high)),
            ((x - w, y + high), (x - wide, y + h), (x - wide, y)),
            ((x - wide, y - h), (x - w, y - high), (x, y - high)),
            ((x + w, y - high), (x + wide, y - h), (x + wide, y)),
        ]
        self.path(op, [f"{_point((x + wide, y))} m", *(" ".join(map(_point, part)) + " c" for part in corners), "h"])

    def path(self, op: Op, path: list[str]) -> None:
        """Strokes a path; the commands in capitals fill it too."""
        filled = op["op"] in ("P", "E", "B")
        self.parts += [f"{self.brush} rg"] if filled else []
        self.parts += [*path, ("B" if self.drawn else "f") if filled else "S" if self.drawn else "n"]

    def text(self, op: Op) -> None:
        x, y = op["pt"]
        start = x - {"l": 0.0, "c": 0.5, "r": 1.0}[op["align"]] * op["width"]
        runs = " ".join(self.run(symbol, part) for symbol, part in _runs(op["text"]))
        self.parts.append(f"BT {self.pen} rg {_point((start, y))} Td {runs} ET")

    def run(self, symbol: bool, text: str) -> str:
        """Letters of one font."""
        if symbol:
            return f"/F4 {_n(self.size)} Tf ({''.join(_SYMBOLS[char] for char in text)}) Tj"
        return f"/{_FACES[self.flags.get(self.sort, 0)]} {_n(self.size)} Tf ({_literal(text)}) Tj"


def _runs(text: str) -> list[tuple[bool, str]]:
    """The text cut where letters give way to symbols or symbols to letters."""
    runs: list[tuple[bool, str]] = []
    for char in text:
        symbol = char in _SYMBOLS
        if runs and runs[-1][0] == symbol:
            runs[-1] = (symbol, runs[-1][1] + char)
        else:
            runs.append((symbol, char))
    return runs


def _has_letters(text: str) -> bool:
    """Whether the fonts that every reader has can write it."""
    try:
        "".join(char for char in text if char not in _SYMBOLS).encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _literal(text: str) -> str:
    """A string of PDF, in which only harmless characters stand for themselves."""
    return "".join(
        chr(code) if 32 <= code < 127 and chr(code) not in "()\\" else f"\\{code:03o}" for code in text.encode("cp1252")
    )


def _rgb(color: str) -> str:
    return " ".join(_n(int(color[start : start + 2], 16) / 255) for start in (1, 3, 5))


def _is_clear(color: str) -> bool:
    """Whether a colour is wholly see-through: Graphviz's pen for a ground without an outline."""
    return len(color) == 9 and color.endswith("00")


def _point(point: Any) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _n(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _pixels(jpeg: bytes) -> tuple[int, int]:
    """Width and height of a JPEG, from its frame's header."""
    at = 2
    while jpeg[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return int.from_bytes(jpeg[at + 7 : at + 9]), int.from_bytes(jpeg[at + 5 : at + 7])


def _document(width: float, height: float, content: bytes, picture: tuple[bytes, int, int] | None) -> bytes:
    """A PDF file of one page."""
    faces = [*_FONTS.items(), ("F4", "Symbol")]
    fonts = " ".join(
        f"/{name} << /Type /Font /Subtype /Type1 /BaseFont /{face}"
        f"{'' if face == 'Symbol' else ' /Encoding /WinAnsiEncoding'} >>"
        for name, face in faces
    )
    image = "" if picture is None else " /XObject << /Im 5 0 R >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_n(width)} {_n(height)}] /Contents 4 0 R "
        f"/Resources << /Font << {fonts} >>{image} >> >>".encode(),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content),
    ]
    if picture is not None:
        data, wide, high = picture
        head = (
            f"<< /Type /XObject /Subtype /Image /Width {wide} /Height {high} /ColorSpace /DeviceRGB "
            f"/BitsPerComponent 8 /Filter /DCTDecode /Length {len(data)} >>"
        )
        objects.append(head.encode() + b"\nstream\n" + data + b"\nendstream")
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    """Numbered objects with their table of places, as a file."""
    file = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places: list[int] = []
    for number, body in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(file)
    file += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    file += b"".join(b"%010d 00000 n \n" % place for place in places)
    file += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(file)
