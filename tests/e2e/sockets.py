# SPDX-License-Identifier: GPL-2.0-or-later
"""Hyper-V sockets: hvhost's implementation with the guest's stock module hv_sock, and socat."""

import contextlib
import hashlib
import os
import socket
import threading

from checks import Cases, same, until
from machine import BOUND

ECHO, ZERO, SLEEP, NOBODY = 5000, 5001, 5002, 5003  # ports of the guest
HOST = 6000  # port of the host
SIZE = 2 << 20
MANY = 10

CASES = Cases()


def count(machine):
    """The number of streams, including those whose relid the guest has not released."""
    return machine.rpc("status")["sockets"]


def listen(machine, port, address):
    """socat in the guest gives each connection to this port to a socat address. Returns its process
    group."""
    log = f"/run/socat-{port}"
    # The kernel ignores an offer when the queue of the listener is full.
    group = machine.run(f"setsid socat -d -d -t {BOUND} VSOCK-LISTEN:{port},fork,backlog=100 "
                        f"{address} </dev/null >{log} 2>&1 & echo $!").strip()
    machine.wait_run(f"grep -q 'listening on' {log}")
    return group


@contextlib.contextmanager
def listening(machine, port, address):
    group = listen(machine, port, address)
    try:
        yield
    finally:
        machine.run(f"kill -- -{group}")


def connect(machine, port):
    """A stream to the guest's port; ConnectionRefusedError if it was closed without OK."""
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(BOUND)
    stream.connect(str(machine.path / "vsock.sock"))
    stream.sendall(f"CONNECT {port}\n".encode())
    line = b""
    while not line.endswith(b"\n"):
        byte = stream.recv(1)
        if not byte:
            stream.close()
            raise ConnectionRefusedError(f"port {port} after {line!r}")
        line += byte
    assert line.startswith(b"OK "), line
    return stream


def read_all(stream):
    return b"".join(iter(lambda: stream.recv(65536), b""))


def exchange(stream, data):
    """Sends data and the end, and returns what comes until the end."""
    def send():
        stream.sendall(data)
        stream.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send)
    sender.start()
    answer = read_all(stream)
    sender.join()
    stream.close()
    return answer


def same_bytes(what, value, wanted):
    same(what, (len(value), hashlib.sha256(value).hexdigest()),
         (len(wanted), hashlib.sha256(wanted).hexdigest()))


def check_echo(machine, text=b"hello"):
    same("the echo", exchange(connect(machine, ECHO), text), text)


def wait_none(machine):
    """All channels are closed, and the guest has released their relids."""
    until("the end of all streams", lambda: count(machine) == 0)


@CASES.add
def sockets_from_host(machine):
    """megabytes through a Hyper-V socket to socat in the guest, and back; many streams, one after
    the other and at once"""
    data = os.urandom(SIZE)
    machine.run("modprobe hv_sock")
    with listening(machine, ECHO, "EXEC:cat"):
        same_bytes("the echo", exchange(connect(machine, ECHO), data), data)
        done = machine.command("vsock", str(ECHO))
        same("the echo of nothing", done.stdout, "")
        for number in range(MANY):
            check_echo(machine, f"{number}".encode())
        streams = [connect(machine, ECHO) for _ in range(MANY)]
        assert count(machine) >= MANY, "the streams are not open"
        for number, stream in enumerate(streams):
            same("the echo", exchange(stream, b"%d" % number), b"%d" % number)
    wait_none(machine)


@CASES.add
def sockets_from_guest(machine):
    """megabytes through a Hyper-V socket from socat in the guest to a program of the host, and
    back; a port where nobody listens is refused"""
    path = machine.path / f"vsock.sock_{HOST}"
    machine.run("modprobe hv_sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(BOUND)
        listener.bind(str(path))
        listener.listen()
        request = machine.send("exec", script=(
            f"head -c {SIZE} /dev/urandom >/run/bytes; sha256sum </run/bytes; "
            f"socat -t {BOUND} - VSOCK-CONNECT:2:{HOST} </run/bytes | sha256sum"))
        stream, _ = listener.accept()
        stream.settimeout(BOUND)
        data = read_all(stream)
        stream.sendall(data)
        stream.close()
        reply = request.finish()
        digest = hashlib.sha256(data).hexdigest()
        same("the number of bytes", len(data), SIZE)
        same("the checksums in the guest", reply["output"].split(), [digest, "-"] * 2)
    path.unlink()
    machine.run(f"! socat - VSOCK-CONNECT:2:{HOST} </dev/null")
    machine.run("rm /run/bytes")
    wait_none(machine)


@CASES.add
def sockets_slow(machine):
    """readers that read nothing, on both sides, delay no other stream"""
    machine.run("modprobe hv_sock")
    with listening(machine, ECHO, "EXEC:cat"), listening(machine, ZERO, "OPEN:/dev/zero"), \
            listening(machine, SLEEP, "EXEC:'sleep 1000'"):
        unread = connect(machine, ZERO)
        sleeping = connect(machine, SLEEP)
        sleeping.settimeout(2)
        with contextlib.suppress(TimeoutError):
            while True:
                sleeping.sendall(bytes(65536))
        check_echo(machine)
        unread.close()
        sleeping.close()
    wait_none(machine)


@CASES.add
def sockets_nobody(machine):
    """a connection to a port of the guest where nobody listens is closed"""
    machine.run("modprobe hv_sock")
    try:
        connect(machine, NOBODY).close()
    except ConnectionRefusedError as error:
        machine.log(f"{error}")
    else:
        raise AssertionError("the connection was accepted")
    wait_none(machine)


@contextlib.contextmanager
def open_stream(machine):
    """While the body resets the guest, a stream is open; at the end it is closed."""
    machine.run("modprobe hv_sock")
    listen(machine, ECHO, "EXEC:cat")
    with connect(machine, ECHO) as stream:
        yield
        same("the rest of the stream", read_all(stream), b"")
    wait_none(machine)
