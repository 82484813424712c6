#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""picture.py FIRST LAST <RECORDING: prints an SVG picture of a recorded terminal.

It shows the lines from the one that begins with FIRST to the one that begins with LAST, as they are
on the screen in the end. It knows the control sequences that the demo uses; another one is an error.
"""

import html
import re
import sys

COLUMN, ROW, MARGIN = 7.8, 18, 16
BOLD = " font-weight='bold' fill='#ffffff'"
TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([\r\n\b])|([^\x1b\r\n\b]+)")


def screen(recording):
    """The rows of the screen: lists of (character, whether it is bold)."""
    rows, row, column, bold, position = [[]], 0, 0, False, 0
    for token in TOKEN.finditer(recording):
        if token.start() != position:
            raise SystemExit(f"picture.py: unknown control character before {token[0]!r}")
        position = token.end()
        arguments, command, control, text = token.groups()
        if control == "\n":
            row += 1
            if row == len(rows):
                rows.append([])
        elif control == "\r":
            column = 0
        elif control == "\b":
            column = max(column - 1, 0)
        elif text:
            line = rows[row]
            line += [(" ", False)] * (column - len(line))
            line[column:column + len(text)] = [(character, bold) for character in text]
            column += len(text)
        elif command == "K" and arguments in ("", "0"):
            del rows[row][column:]
        elif command == "m" and arguments in ("", "0", "1"):
            bold = arguments == "1"
        elif token[0] not in ("\x1b[?7l", "\x1b[?7h", "\x1b[?25l", "\x1b[?25h"):
            raise SystemExit(f"picture.py: unknown control sequence {token[0]!r}")
    if position != len(recording):
        raise SystemExit("picture.py: the recording ends in a control sequence")
    return rows


def plain(row):
    return "".join(character for character, bold in row)


def spans(row):
    """The row as text elements: one for each part that is bold or not."""
    start = 0
    while start < len(row):
        end = start
        while end < len(row) and row[end][1] == row[start][1]:
            end += 1
        yield start, row[start][1], plain(row[start:end])
        start = end


def main(first, last):
    rows = screen(sys.stdin.read())
    begin = next(i for i, row in enumerate(rows) if plain(row).startswith(first))
    end = next(i for i in range(begin, len(rows)) if plain(rows[i]).startswith(last))
    rows = rows[begin:end + 1]
    width = round(max(map(len, rows)) * COLUMN) + 2 * MARGIN
    height = len(rows) * ROW + 2 * MARGIN
    print(f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}'>")
    print("<!-- SPDX-License-Identifier: GPL-2.0-or-later -->")
    print(f"<rect width='{width}' height='{height}' rx='6' fill='#1d2129'/>")
    print("<g font-family='monospace' font-size='13' fill='#d3d7de' xml:space='preserve'>")
    for number, row in enumerate(rows):
        for start, bold, text in spans(row):
            if text.strip():
                # textLength: columns are aligned in every font.
                print(f"<text x='{MARGIN + start * COLUMN:.1f}' y='{MARGIN + (number + 0.75) * ROW:.1f}' "
                      f"textLength='{len(text) * COLUMN:.1f}'{BOLD if bold else ''}>"
                      f"{html.escape(text, quote=False)}</text>")
    print("</g>\n</svg>")


if __name__ == "__main__":
    main(*sys.argv[1:])
