#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""fake_hvhost.py: plays two machines of hvhost, and connects the stand-in for Hyper-V's WMI provider
to them. Prints the port of the bridge, and ends with its standard input.

web1 has a control socket; db1 is not running."""

import json
import pathlib
import socketserver
import sys
import tempfile
import threading

import bridge

GUIDS = {"web1": "5f0c6a52-8d6e-4f6b-9a55-6a1e4f9d2c11",
         "db1": "0d3a2b91-15a7-49c2-8b8c-1b7c2a8d0e21"}
ITEMS = {
    "kvp_host_items": {},
    "kvp_guest_items": {"HvLogoffAnswer": "v=1 state=idle", "empty": "",
                        "odd": "<VALUE>&\"'\\ \\t\n\t\r € 😀</VALUE>"},
    "kvp_intrinsic_items": {"OSName": "Debian GNU/Linux"},
}


def change(command, name, data):
    """WMI's return value, as hvhost has it."""
    items = ITEMS["kvp_host_items"]
    if name == "denied":
        return 32769
    if (name in items) != (command != "kvp_add"):
        return 32773
    items[name] = data
    if command == "kvp_remove":
        del items[name]
    return 0


class Control(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            request = json.loads(line)
            command = request["command"]
            if command == "status":
                reply = {"ok": True, "state": "running"}
            elif command in ITEMS:
                reply = {"ok": True, "return": 0, "items": ITEMS[command]}
            else:
                code = change(command, request["name"], request["data"])
                reply = {"ok": code == 0, "return": code}
            self.wfile.write((json.dumps(reply) + "\n").encode())


def main():
    with tempfile.TemporaryDirectory() as folder:
        registry = pathlib.Path(folder)
        for name, guid in GUIDS.items():
            (registry / name).mkdir()
            (registry / name / "machine.json").write_text(json.dumps({"guid": guid}))
        with socketserver.ThreadingUnixStreamServer(str(registry / "web1/control.sock"),
                                                    Control) as control, \
                bridge.Bridge(registry) as link:
            for server in (control, link):
                threading.Thread(target=server.serve_forever, daemon=True).start()
            print(link.server_address[1], flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
