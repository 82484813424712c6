#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bridge.py REGISTRY: connects the stand-in for Hyper-V's WMI provider, which runs under Wine, to the
machines in a registry of hvhost. Prints its port on 127.0.0.1, and ends with its standard input.

Each connection has one question, a line, and its answer: a line "ok", and further lines. The fields
of a line are separated by tabs, and escaped.

    machines                      for each machine: its name, GUID and EnabledState
    items GUID host|guest|intrinsic
                                  for each item: its name and data
    add|modify|remove GUID NAME DATA
                                  WMI's return value"""

import json
import pathlib
import re
import socket
import socketserver
import sys
import threading

RUNNING, OFF = 2, 3
FAILED, INVALID_STATE = 32768, 32775
PATIENCE = 20


def call(folder, command, **options):
    """The reply of a machine's control socket."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(PATIENCE)
        control.connect(str(folder / "control.sock"))
        control.sendall((json.dumps({"command": command, **options}) + "\n").encode())
        with control.makefile("r", encoding="utf-8") as replies:
            return json.loads(replies.readline())


def state(folder):
    try:
        return RUNNING if call(folder, "status")["ok"] else OFF
    except (OSError, ValueError):
        return OFF


def machines(registry):
    """The folder of each machine by its GUID."""
    found = {}
    for config in sorted(registry.glob("*/machine.json")):
        guid = json.loads(config.read_text(encoding="utf-8")).get("guid")
        if guid:
            found[guid.upper()] = config.parent
    return found


def items(folder, kind):
    try:
        return list(call(folder, f"kvp_{kind}_items").get("items", {}).items())
    except (OSError, ValueError):
        return []


def change(folder, method, name, data):
    try:
        reply = call(folder, f"kvp_{method}", name=name, data=data)
    except (OSError, ValueError):
        return INVALID_STATE
    return reply.get("return", FAILED)


def answer(registry, verb, *fields):
    """The lines of the answer, as lists of fields."""
    found = machines(registry)
    if verb == "machines":
        return [(folder.name, guid, state(folder)) for guid, folder in found.items()]
    guid, *rest = fields
    if verb == "items":
        return items(found[guid], *rest)
    return [[change(found[guid], verb, *rest)]]


def escape(field):
    return str(field).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def unescape(field):
    return re.sub(r"\\(.)", lambda match: {"t": "\t", "n": "\n"}.get(match[1], match[1]), field)


class Question(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode().rstrip("\n")
        lines = answer(self.server.registry, *map(unescape, line.split("\t")))
        text = "ok\n" + "".join("\t".join(map(escape, fields)) + "\n" for fields in lines)
        self.wfile.write(text.encode())


class Bridge(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, registry):
        super().__init__(("127.0.0.1", 0), Question)
        self.registry = registry


def main():
    with Bridge(pathlib.Path(sys.argv[1])) as bridge:
        threading.Thread(target=bridge.serve_forever, daemon=True).start()
        print(bridge.server_address[1], flush=True)
        sys.stdin.read()
        bridge.shutdown()


if __name__ == "__main__":
    main()
