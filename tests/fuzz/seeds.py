#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the binary seeds: a well-formed input of each kind, and common errors.

Run it again when a format changes. It does not change the other files of the corpus, which are text
files or were found by a fuzzer."""

import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"
ID = 0x1122334455667788


def packet(body=b"", kind=0x4C4F, status=0, flags=3, framework=(3, 0), message=(1, 0), grow=0):
    """A message in the VMBus ring, see docs/protocol.md."""
    return (struct.pack("<IIHHHHHHIBB2x", 0, 20 + len(body) + grow, *framework, kind, *message,
                        len(body) + grow, status, 7, flags) + body)


def negotiation(frameworks, messages, **fields):
    body = struct.pack("<HHI", len(frameworks), len(messages), 0)
    body += b"".join(struct.pack("<HH", *version) for version in frameworks + messages)
    return packet(body, kind=0, framework=(0, 0), message=(0, 0), **fields)


def operation(op, flags=0, request=ID):
    return struct.pack("<IIQ", op, flags, request)


def logoff(flags=0, timeout=60, grace=10, text="Save your work.", request=ID):
    return packet(operation(1, flags, request) + struct.pack("<II1024s", timeout, grace,
                                                             text.encode()))


def target(flags=0, user=b"anna", session=b"c3", version=(1, 1), request=ID, tail=b""):
    return packet(operation(6, flags, request) + struct.pack("<II1024s256s64s", 60, 10,
                                                             b"Save your work.", user, session)
                  + tail, message=version)


def session(outcome, kind, request=ID, user=b"anna", name=b"c3", lost=0, op_flags=0, tail=b""):
    return packet(operation(7, op_flags, request) + struct.pack("<IIII256s64s", outcome, kind,
                                                                1000, lost, user, name) + tail,
                  flags=0, message=(1, 1))


def report(op, state, result=0, flags=5, op_flags=0, counts=(3, 1, 1), percent=40, tail=b""):
    body = operation(op, op_flags) + struct.pack("<IIIIII256s", state, percent, *counts, result,
                                                 b"one is left")
    return packet(body + tail, status=result, flags=flags)


LATER = bytes(8)  # fields of a later version that are not used
USED = bytes(7) + b"x"


REQUEST = {
    "negotiate": negotiation([(3, 0), (1, 0)], [(1, 0)]),
    "negotiate-old": negotiation([(1, 0)], [(1, 0)]),
    "negotiate-new": negotiation([(4, 0), (3, 0)], [(2, 0), (1, 1), (1, 0)]),
    "negotiate-both": negotiation([(3, 0), (1, 0)], [(1, 1), (1, 0)]),
    "negotiate-newest-only": negotiation([(3, 0)], [(1, 1)]),
    "negotiate-unknown": negotiation([(9, 0)], [(9, 9)]),
    "negotiate-half": negotiation([(3, 0)], [(9, 9)]),
    "negotiate-full": negotiation([(2, n) for n in range(31)], [(1, 0)]),
    "negotiate-short": negotiation([(3, 0)], [(1, 0)])[:-4] + b"\0" * 4,
    "logoff": logoff(),
    "logoff-force": logoff(flags=1, timeout=86400, grace=0, text=""),
    "logoff-late": logoff(timeout=10, grace=10),
    "logoff-unterminated": logoff(text="x" * 1024),
    "target": target(),
    "target-user": target(flags=1, session=b""),
    "target-session": target(user=b""),
    "target-everyone-dry": target(flags=2, user=b"", session=b""),
    "target-dry-force": target(flags=3),
    "target-flags": target(flags=4),
    "target-all-flags": target(flags=15, version=(1, 2)),
    "target-longer": target(version=(1, 2), tail=LATER),
    "target-longer-used": target(version=(1, 2), tail=USED),
    "target-longest": target(version=(1, 2), tail=bytes(2020 - 1368)),
    "query-longer": packet(operation(3) + LATER, message=(1, 2)),
    "negotiate-1-2": negotiation([(3, 0), (1, 0)], [(1, 2), (1, 1), (1, 0)]),
    "target-user-unterminated": target(user=b"x" * 256),
    "target-session-unterminated": target(session=b"x" * 64),
    "target-as-logoff": packet(operation(6) + struct.pack("<II1024s", 60, 10, b"")),
    "cancel": packet(operation(2)),
    "query": packet(operation(3)),
    "query-padded": packet(operation(3)) + b"\0" * 4,
    "query-nothing": packet(operation(3, request=0)),
    "unknown-type": packet(operation(1), kind=3),
    "unknown-op": packet(operation(9)),
    "too-long": packet(operation(3), grow=8),
}

ANSWER = {
    "negotiated": negotiation([(3, 0)], [(1, 0)], flags=5),
    "negotiated-none": negotiation([], [], flags=5) + b"\0" * 8,
    "negotiated-failed": negotiation([], [], flags=5, status=0x80004005) + b"\0" * 8,
    "negotiated-1-1": negotiation([(3, 0)], [(1, 1)], flags=5),
    "session-left": session(1, 0, request=0),
    "session-ended": session(1, 2, lost=3),
    "session-failed": session(2, 0),
    "session-selected": session(3, 0),
    "session-selected-by-none": session(3, 0, request=0),
    "session-failed-kind": session(2, 1),
    "session-flags": session(1, 0, op_flags=1),
    "session-unterminated": session(1, 0, name=b"x" * 64),
    "session-manager": session(4, 0, name=b""),
    "session-manager-named": session(5, 0),
    "session-returned": session(7, 0),
    "session-untold": session(10, 0, name=b""),
    "session-later": session(11, 0, name=b""),
    "session-outside-by-none": session(9, 0, request=0, name=b""),
    "session-longer": session(8, 0, name=b"", tail=LATER),
    "session-longer-used": session(1, 0, tail=USED),
    "negotiated-1-2": negotiation([(3, 0)], [(1, 2)], flags=5),
    "refusal": packet(status=0x80070057, flags=5),
    "progress": report(4, 2, flags=0),
    "complete": report(5, 4, result=0xA0040202, counts=(3, 2, 1), percent=100),
    "complete-again": report(5, 4, op_flags=1, counts=(3, 3, 0), percent=100),
    "complete-longer": report(5, 4, counts=(3, 3, 0), percent=100, tail=LATER),
    "complete-longer-used": report(5, 4, counts=(3, 3, 0), percent=100, tail=USED),
    "complete-early": report(5, 3),
    "query": report(3, 1, counts=(0, 0, 0), percent=0),
    "cancel-late": report(2, 3),
    "counts-wrap": report(4, 2, counts=(3, 4, 0xFFFFFFFF)),
}


def record(kind, body, request=ID):
    """A record of the char device, see docs/uapi.md."""
    return struct.pack("<IIQ", kind, 16 + len(body), request) + body


def hello(version=0x10000, minimum=0x10000, request=0, rest=b""):
    return record(1, struct.pack("<II", version, minimum) + rest, request)


def report_record(state, result=0, counts=(2, 1, 0), text=b"ending", percent=50, rest=b""):
    return record(4, struct.pack("<IIIIII256s", state, percent, *counts, result, text) + rest)


def session_record(outcome, kind, request=ID, reserved=0, user=b"anna", name=b"c3", rest=b""):
    return record(6, struct.pack("<IIII256s64s", outcome, kind, 1000, reserved, user, name) + rest,
                  request)


def requested(tail=b""):
    return record(2, struct.pack("<IIII1024s", 1, 60, 10, 0, b"Save your work.") + tail)


def targeted(flags=2, tail=b""):
    return record(5, struct.pack("<IIII1024s256s64s", flags, 60, 10, 0, b"Save your work.",
                                 b"anna", b"c3") + tail)


REQUESTED = requested()
TARGETED = targeted()
CAN_ALL = struct.pack("<Q", 3)  # the capabilities
CANCELLED = record(3, struct.pack("<II", 1, 0))

RECORD = {
    "hello": hello(),
    "hello-1-1": hello(version=0x10001),
    "hello-1-1-only": hello(version=0x10001, minimum=0x10001),
    "hello-new": hello(version=0x20003),
    "hello-2-0-only": hello(version=0x20000, minimum=0x20000),
    "hello-reversed": hello(minimum=0x20000),
    "hello-named": hello(request=ID),
    "grace": report_record(2, counts=(2, 0, 0), text=b"notifying the users"),
    "ending": report_record(3),
    "done": report_record(4, result=0xA0040202, counts=(2, 1, 1)),
    "done-reserved": report_record(4, counts=(2, 2, 0), rest=struct.pack("<II", 0, 1)),
    "unpadded": report_record(3, text=b"ending\0x"),
    "unterminated": report_record(3, text=b"x" * 256),
    "result-early": report_record(3, result=0x80004005),
    "not-for-writing": CANCELLED,
    "session-left": session_record(1, 0, request=0),
    "session-ended": session_record(1, 2),
    "session-failed": session_record(2, 0),
    "session-selected-by-none": session_record(3, 0, request=0),
    "session-failed-kind": session_record(2, 1),
    "session-manager": session_record(4, 0, name=b""),
    "session-manager-named": session_record(6, 0),
    "session-returned": session_record(7, 0),
    "session-outside-by-none": session_record(9, 0, request=0, name=b""),
    "session-longer-used": session_record(1, 0, rest=USED),
    "session-reserved": session_record(1, 0, reserved=1),
    "session-unpadded": session_record(1, 0, user=b"anna\0x"),
    "session-unterminated": session_record(1, 0, name=b"x" * 64),
    "hello-1-2": hello(version=0x10002, rest=struct.pack("<Q", 1 << 63 | 3)),
    "hello-1-2-short": hello(version=0x10002),
    "hello-1-2-longer": hello(version=0x10002, rest=bytes(4072)),
    "hello-1-2-tail": hello(version=0x10002, rest=struct.pack("<QQ", 3, 1)),
    "hello-1-1-long": hello(version=0x10001, rest=bytes(8)),
    "replayed": report_record(4, percent=100, rest=struct.pack("<II", 1, 0)),
    "replayed-early": report_record(3, rest=struct.pack("<II", 1, 0)),
    "declined": report_record(4, 0x800700AA, (0, 0, 0), percent=0,
                              rest=struct.pack("<II", 2, 0)),
    "report-flags": report_record(4, percent=100, rest=struct.pack("<II", 2, 0)),
    "report-longer": report_record(3, rest=bytes(400)),
    "report-between": report_record(3, rest=bytes(4)),
    "session-longer": session_record(1, 2, rest=bytes(48)),
    "session-untold": session_record(10, 0, name=b""),
    "session-later": session_record(11, 0, name=b""),
}


def records(*items):
    return b"".join(struct.pack("<H", len(item)) + item for item in items)


DEVICE = {
    "request": records(hello(), REQUESTED),
    "cancel": records(hello(), REQUESTED, CANCELLED),
    "target": records(hello(version=0x10001), TARGETED, CANCELLED),
    "target-short": records(hello(version=0x10001), TARGETED[:1056]),
    "hello-newer": records(hello(version=0x10003)),
    "target-1-2": records(hello(version=0x10002, rest=CAN_ALL), targeted(flags=15), CANCELLED),
    "hello-1-2-short": records(hello(version=0x10002), TARGETED),
    "hello-longer": records(hello(version=0x10002, rest=CAN_ALL + LATER), REQUESTED),
    "hello-longer-used": records(hello(version=0x10002, rest=CAN_ALL + USED), REQUESTED),
    "request-longer": records(hello(version=0x10002, rest=CAN_ALL), requested(tail=LATER)),
    "request-longer-used": records(hello(version=0x10002, rest=CAN_ALL), requested(tail=USED)),
    "request-longer-1-1": records(hello(version=0x10001), requested(tail=LATER)),
    "target-longer": records(hello(version=0x10002, rest=CAN_ALL), targeted(tail=LATER)),
    "no-hello": records(REQUESTED),
    "hello-2-0-only": records(hello(version=0x20000)),
    "unknown-skipped": records(hello(), record(99, b"later"), CANCELLED),
    "request-short": records(hello(), record(2, bytes(8))),
    "cancel-short": records(hello(), record(3, bytes(4))),
    "header-short": records(hello(), b"abc"),
    "oversized": records(hello(), record(99, bytes(5000))),
    "empty": records(hello(), b""),
}


(SEND_SOCKET, _, _, CUT, REPORT, SESSION_ENDED, OUTCOME, READ) = range(8)


def sent(*packets, host=0):
    """Steps of fuzz_vsock_requests.c: a host sends these messages."""
    data = b"".join(packets)
    return b"".join(bytes([SEND_SOCKET + host, len(data[at:at + 1020]) // 4]) + data[at:at + 1020]
                    for at in range(0, len(data), 1020))


NEGOTIATED = negotiation([(3, 0)], [(1, 2)])
OTHER = 0x99

SOCKETS = {
    "logoff": sent(NEGOTIATED, logoff()) + bytes([REPORT, 2, REPORT, 3, SESSION_ENDED, 3, OUTCOME, 4,
                                                  REPORT, 4, READ, 0]) + sent(logoff()),
    "cut": sent(NEGOTIATED, logoff()) + bytes([CUT, 0]) + sent(NEGOTIATED, logoff())
    + bytes([REPORT, 4]),
    "cancel": sent(NEGOTIATED, target(flags=8, version=(1, 2))) + bytes([REPORT, 2])
    + sent(NEGOTIATED, packet(operation(3)), packet(operation(2)), host=1)
    + sent(packet(operation(2))),
    "busy": sent(NEGOTIATED, logoff()) + sent(NEGOTIATED, logoff(request=OTHER), host=1)
    + bytes([REPORT, 4]) + sent(logoff(request=OTHER), host=1),
    "dry-run": sent(NEGOTIATED, target(flags=2), target(flags=2, request=OTHER)) + bytes([REPORT, 4])
    + sent(target(flags=2)),
    "invalid-user": sent(NEGOTIATED, target(user=b"a:b")),
    "no-negotiation": sent(logoff()),
    "negotiate-again": sent(NEGOTIATED, logoff()) + bytes([OUTCOME, 4, SESSION_ENDED, 1])
    + sent(negotiation([(3, 0)], [(1, 1)]), negotiation([(3, 0)], [(1, 0)])),
    "slow-reader": sent(NEGOTIATED) + bytes([SESSION_ENDED, 255] * 8 + [READ, 0, SESSION_ENDED, 1]),
    "impossible-size": sent(NEGOTIATED, packet(operation(3), grow=4000)),
    "half": sent(NEGOTIATED, logoff()[:500]),
}


(PASS, WAKE, TIMER, LISTED, LIST_FAILED, REMOVED, OPENED, RESYNC, CALL_FAILED, START, CANCEL,
 SETTINGS, MANAGER_FOUND, SESSION_FOUND, USERS_LISTED, OUTSIDE_FOUND,
 STATES_CHANGED) = range(17)


def events(*items):
    """Events of the daemon's engine, see fuzz_engine.c."""
    return b"".join(struct.pack("<BBH", *item) for item in items)


NO_FLAGS, FORCE, REDELIVERED, DRY, USER, SESSION = 0, 1, 2, 4, 8, 16
THIRD = 2 << 5  # the target's number
LINGERING, NO_LOGINS = 0x8000, 0x4000  # added to the times of START
IN_GRACE = ((START, NO_FLAGS, 1059), (LISTED, 0x0F, 0))  # a timeout of 60 s, a grace of 10 s
AT_ONCE = ((START, NO_FLAGS, 59), (LISTED, 0x0F, 0))
ENGINE = {
    "no-sessions": events((START, NO_FLAGS, 59), (LISTED, 0, 0)),
    "exempt": events((START, NO_FLAGS, 59), (LISTED, 0x80, 0)),
    "all-end": events(*AT_ONCE, *((REMOVED, n, 0) for n in range(4)), (WAKE, 0, 0), (LISTED, 0, 0)),
    "none-ends": events(*AT_ONCE, *((WAKE, 0, 0),) * 30),
    "grace": events(*IN_GRACE, *((WAKE, 0, 0),) * 30, (LISTED, 0x01, 0)),
    "cancelled": events(*IN_GRACE, (WAKE, 0, 0), (CANCEL, 0, 1)),
    "cancelled-in-guest": events(*IN_GRACE, (WAKE, 0, 0), (CANCEL, 3, 0)),
    "cancelled-late": events(*AT_ONCE, (CANCEL, 0, 1), (WAKE, 0, 0)),
    "timed-out": events(*IN_GRACE, (CANCEL, 1, 1), (START, NO_FLAGS, 59), (LISTED, 0, 0)),
    "forced": events((START, FORCE, 59), (LISTED, 0x7F, 0), (CALL_FAILED, 2, 1),
                     (CALL_FAILED, 4, 0)),
    "redelivered": events((START, REDELIVERED, 59), (LISTED, 0, 0)),
    "target-user": events((START, USER | THIRD, 59), (LISTED, 0x0F, 0), (REMOVED, 2, 0),
                          (TIMER, 0, 0), (WAKE, 0, 0), (LISTED, 0x0B, 0)),
    "target-session": events((START, SESSION | THIRD, 1059), (LISTED, 0x0F, 0), (OPENED, 0, 0),
                             *((WAKE, 0, 0),) * 30),
    "target-not-resolved": events((SETTINGS, 1, 0), (START, USER | THIRD, 59), (LIST_FAILED, 1, 0)),
    "target-missing": events((START, USER | SESSION | THIRD, 59), (LISTED, 0x03, 0)),
    "target-exempt": events((START, SESSION | 7 << 5, 59), (LISTED, 0x80, 0)),
    "dry-run": events((START, DRY, 1059), (LISTED, 0x9F, 0)),
    "dry-run-late": events((START, DRY | FORCE | REDELIVERED, 1059), (LIST_FAILED, 0, 0),
                           (WAKE, 0, 0), (LISTED, 0x03, 0)),
    "no-logind": events((SETTINGS, 1, 0), (START, NO_FLAGS, 59), *((WAKE, 0, 0),) * 12),
    "no-answer": events((START, NO_FLAGS, 59), *((LIST_FAILED, 0, 0), (WAKE, 0, 0)) * 12),
    "stale": events((SETTINGS, 2, 0), *AT_ONCE),
    "sessions-reopened": events(*AT_ONCE, *((RESYNC, 0, 0), (TIMER, 0, 0), (LISTED, 0x30, 0)) * 3),
    "sessions-reopened-endlessly": events(
        (START, NO_FLAGS, 59), *(event for n in range(7) for event in
                                 ((LISTED, (2 << n) - 1, 0), (RESYNC, 0, 0), (TIMER, 0, 0)))),
    "removed-before-listed": events((START, NO_FLAGS, 1059), (REMOVED, 0, 0), (LISTED, 0x03, 0)),
    "stopped-during-grace": events((START, NO_FLAGS, 159), (LISTED, 0x0F, 0), (PASS, 1, 50),
                                   (REMOVED, 0, 0)),
    "managers": events((SETTINGS, 0, 0x0F), *AT_ONCE, *((REMOVED, n, 0) for n in range(4)),
                       (MANAGER_FOUND, 0, 1), (MANAGER_FOUND, 1, 2), (MANAGER_FOUND, 2, 3),
                       (WAKE, 0, 0), (LISTED, 0, 0), (SETTINGS, 0, 0), *((WAKE, 0, 0),) * 2,
                       *((MANAGER_FOUND, n, 0) for n in range(4)), (WAKE, 0, 0), (LISTED, 0, 0)),
    "managers-left": events((SETTINGS, 0, 0x0F), *AT_ONCE, *((REMOVED, n, 0) for n in range(4)),
                            *((MANAGER_FOUND, n, 1) for n in range(4)), *((WAKE, 0, 0),) * 20,
                            (OPENED, 0, 0), (WAKE, 0, 0), (LISTED, 0x11, 0)),
    "returned": events(*AT_ONCE, *((REMOVED, n, 0) for n in range(4)), (OPENED, 0, 0), (WAKE, 0, 0),
                       (LISTED, 0x60, 0), (OUTSIDE_FOUND, 1, 2), (WAKE, 0, 0), (LISTED, 0x60, 0)),
    "not-returned": events(*AT_ONCE, *((REMOVED, n, 0) for n in range(4)), (OUTSIDE_FOUND, 0, 0),
                           *((WAKE, 0, 0), (LISTED, 0, 0)) * 4),
    "slips-in": events((SETTINGS, 0, 0x0F), *AT_ONCE, *((REMOVED, n, 0) for n in range(4)),
                       (MANAGER_FOUND, 0, 1), (OPENED, 0, 0), (SESSION_FOUND, 4, 0),
                       (REMOVED, 4, 0), (SETTINGS, 0, 0), (WAKE, 0, 0), (MANAGER_FOUND, 0, 0)),
    "found-in-grace": events(*IN_GRACE, (SESSION_FOUND, 4, 0), (WAKE, 0, 0), (SESSION_FOUND, 5, 0),
                             *((WAKE, 0, 0),) * 20),
    "lingering": events((SETTINGS, 0, 0x07), (START, NO_FLAGS, LINGERING + NO_LOGINS + 59),
                        (USERS_LISTED, 0x07, 3), (TIMER, 0, 0), (LISTED, 0x01, 0), (REMOVED, 0, 0),
                        *((MANAGER_FOUND, n, 2) for n in range(3)), (SETTINGS, 0, 0), (WAKE, 0, 0),
                        *((MANAGER_FOUND, n, 0) for n in range(3)), (WAKE, 0, 0), (LISTED, 0, 0)),
    "lingering-dry": events((SETTINGS, 0, 0x07), (START, DRY, LINGERING + 59),
                            (USERS_LISTED, 0x07, 3), (TIMER, 0, 0), (LISTED, 0x01, 0),
                            (OUTSIDE_FOUND, 0, 0)),
    "users-not-listed": events((START, REDELIVERED, LINGERING + 59), (USERS_LISTED, 0, 0x100),
                               *((WAKE, 0, 0),) * 12),
    "outside": events((START, NO_FLAGS, 59), (LISTED, 0, 0), (OUTSIDE_FOUND, 3, 7)),
    "outside-late": events((START, NO_FLAGS, 59), (LISTED, 0, 0), (WAKE, 0, 0),
                           (OUTSIDE_FOUND, 3, 7)),
    "no-logins-cancelled": events((START, NO_FLAGS, NO_LOGINS + 1059), (LISTED, 0x0F, 0),
                                  (CANCEL, 0, 1)),
    "no-logins-failed": events((SETTINGS, 1, 0), (START, NO_FLAGS, NO_LOGINS + 59)),
    "opening": events((STATES_CHANGED, 0x03, 0), *AT_ONCE, (STATES_CHANGED, 0x02, 0),
                      (REMOVED, 0, 0), (STATES_CHANGED, 0, 0),
                      *((REMOVED, n, 0) for n in range(1, 4))),
    "opening-for-long": events((STATES_CHANGED, 0x0F, 0), *AT_ONCE, *((WAKE, 0, 0),) * 10),
    "opened-in-grace": events(*IN_GRACE, (OPENED, 0, 0), (TIMER, 0, 0), (LISTED, 0x1F, 0)),
}


FOUND, ENDED, STOPPING, CLAIMED, GONE, LIST, ANSWERED, FAILED = range(8)


def watch(*items):
    """Events of the daemon's watch, see fuzz_watch.c."""
    return b"".join(struct.pack("<BBB", *item) for item in items)


WATCHED = ((LIST, 0, 0), (ANSWERED, 0x0F, 0))
WATCH = {
    "logout": watch((FOUND, 1, 0), (FOUND, 2, 0), (ENDED, 1, 0), (ENDED, 1, 0)),
    "forced": watch(*WATCHED, (STOPPING, 1, 0), (ENDED, 1, 0), (ENDED, 2, 0)),
    "claimed": watch(*WATCHED, (CLAIMED, 1, 9), (STOPPING, 1, 0), (GONE, 1, 0), (LIST, 0, 0),
                     (ANSWERED, 0x0F, 0), (ENDED, 1, 0)),
    "missing": watch(*WATCHED, *((LIST, 0, 0), (ANSWERED, 0x05, 0)) * 2),
    "found-while-listed": watch((LIST, 0, 0), (FOUND, 5, 0), (ANSWERED, 0x01, 0), (ENDED, 5, 0)),
    "id-reused": watch(*WATCHED, (LIST, 0, 0), (ANSWERED, 0x0F, 1), (FOUND, 0, 0)),
    "no-logind": watch(*WATCHED, (LIST, 0, 1), (FAILED, 0, 0), (LIST, 0, 0), (ANSWERED, 0, 0)),
    "no-user": watch((FOUND, 7, 0), (STOPPING, 7, 0), (ENDED, 7, 0)),
}


def ring(indices, data=b"", lengths=(0,) * 8, start=0, features=0, pending=0):
    indices = [*indices, *[indices[-1]] * (8 - len(indices))]
    return struct.pack("<III8I8H", features, pending, start, *indices, *lengths) + data


def in_ring(payload, offset=2, length=None):
    length = 2 + len(payload) // 8 if length is None else length
    return struct.pack("<HHHHQ", 6, offset, length, 0, 0) + payload + bytes(8)


TWO = in_ring(b"A" * 32) + in_ring(b"B" * 8)
RING = {
    "two": ring([len(TWO)], TWO),
    "two-across-the-end": ring([len(TWO) - 16], TWO, start=1022),
    "waiting": ring([len(TWO)], TWO, features=1, pending=8192 - len(TWO)),
    "writes": ring([0, 40, 80, 4096, 8184], lengths=(13, 2000, 2000, 0, 7, 2047, 1, 64)),
    "index-beyond": ring([8192, 1 << 31]),
    "index-odd": ring([12]),
    "packet-beyond": ring([64], in_ring(bytes(32), length=0xFFFF)),
    "payload-before": ring([56], in_ring(bytes(32), offset=1)),
    "payload-after": ring([56], in_ring(bytes(32), offset=9)),
    "packet-empty": ring([24], in_ring(b"", offset=0, length=0)),
}


def item(key, value=b""):
    """A record of a pool; the bytes after a text's NUL are left over from earlier texts."""
    return (key.encode() + b"\0").ljust(512, b"x") + (value + b"\0").ljust(2048, b"y")


LOGOFF = (b"v=1 id=a-1 issued=2026-11-22T16:00:00Z life=300 do=logoff timeout=60 grace=30 force=yes "
          b"user=anna session=c3 dry-run=no boot=0b0fc1ae-5a1c message=Save your work")
KVP = {
    "logoff": LOGOFF,
    "cancel": b"v=1 id=a-1 issued=2026-11-22T16:00:00Z life=300 do=cancel",
    "version-2": b"v=2 " + LOGOFF[4:].replace(
        b"user=anna", b'user="DOMAIN\\\\jane \\"j\\" doe" include-lingering=yes no-logins=yes'),
    "quotes-open": b'v=2 id=a-1 issued=2026-11-22T16:00:00Z life=300 do=logoff user="jane doe',
    "quotes-in-version-1": LOGOFF.replace(b"anna", b'"jane doe"'),
    "forget": b"do=forget life=1 issued=2026-02-29T16:00:00Z id=a v=1",
    "later-version": b"v=3 id=a-1 when=now",
    "oversized": LOGOFF.ljust(1100, b"!"),
    "pool": item("Other", b"something") + item("HvLogoffAnswer", b"idle") + item("Last"),
    "pool-of-others": item("HvLogoffAnswer2") + item("HvLogoffAnswe"),
    "pool-torn": item("HvLogoffAnswer", b"idle") + item("Other")[:1000],
    "sessions": b'v=1 id=a-1 part=1/2 failed="c3:1001:DOMAIN\\\\jane \\"j\\" doe" ended=4:1000:anna '
                b"manager-ended=:1000:anna returned=7:1000:anna lingering=:1002: outside=:0:root",
    "sessions-omitted": b"v=1 part=8/8 id=a-1 omitted=12 selected=1:0:a:b later=x",
    "sessions-malformed": b"v=1 id=a-1 part=1/1 ended=4:1000:anna manager-left=1 ended=4:-1:anna",
    "sessions-full": b"v=1 id=a-1 part=1/1" + b" ended=4:1:a" * 80,
    "pool-twice": item("HvLogoffAnswer", b"a") + item("HvLogoffAnswer", b"b"),
}


(BYTES, ANSWERS, ENDS, PASSES, CANCELS, WRITTEN) = range(6)
NEWEST, OLDER, OLDEST = range(3)
CANCEL_OP, QUERY_OP, PROGRESS_OP, COMPLETE_OP = range(2, 6)
PENDING, DELIVERED, GRACE, ENDING, DONE = range(0, 40, 8)
UNKNOWN = 64


def stream(*items, flags=0):
    """Events of a logoff over a stream, see fuzz_vmguestos_request.c."""
    return bytes([flags]) + b"".join(bytes(event) for event in items)


def received(message):
    return b"".join(bytes([BYTES, len(message[at:at + 255])]) + message[at:at + 255]
                    for at in range(0, len(message), 255))


SENT = ((ANSWERS, NEWEST), (WRITTEN,))
STREAM = {
    "whole": stream(*SENT, (ANSWERS, PROGRESS_OP | DELIVERED), (ANSWERS, QUERY_OP | GRACE),
                    received(session(1, 2)), (ANSWERS, COMPLETE_OP | DONE)),
    "oldest": stream((ANSWERS, OLDEST), (WRITTEN,), (ANSWERS, COMPLETE_OP | DONE)),
    "too-old": stream((ANSWERS, OLDEST), flags=128),
    "too-old-flag": stream((ANSWERS, OLDER), flags=0x22),
    "target": stream(*SENT, received(session(3, 0)), (ANSWERS, COMPLETE_OP | DONE), flags=0x82),
    "repeated": stream(*SENT, (ANSWERS, PROGRESS_OP | GRACE), (ENDS, 0), (PASSES, 1), *SENT,
                       (ANSWERS, QUERY_OP | ENDING), (ENDS, 0), (PASSES, 1), *SENT,
                       (ANSWERS, QUERY_OP | DONE)),
    "not-read": stream(*SENT, (ENDS, 0), (PASSES, 1), *SENT, (ANSWERS, QUERY_OP | UNKNOWN)),
    "restarted": stream(*SENT, (ANSWERS, PROGRESS_OP | GRACE), (ENDS, 0), (PASSES, 1), *SENT,
                        (ANSWERS, QUERY_OP | UNKNOWN)),
    "cancelled": stream(*SENT, (ANSWERS, PROGRESS_OP | GRACE), (CANCELS,), (WRITTEN,),
                        (ANSWERS, CANCEL_OP | GRACE), (ANSWERS, COMPLETE_OP | DONE)),
    "cancelled-unread": stream(*SENT, (ENDS, 0), (CANCELS,), (PASSES, 1), *SENT,
                               (ANSWERS, QUERY_OP | UNKNOWN)),
    "outage": stream(*SENT, *((ENDS, 2), (PASSES, 10)) * 4),
    "hangs": stream(*SENT, *((PASSES, 10), (PASSES, 1)) * 4),
    "no-answer": stream((WRITTEN,), (PASSES, 11)),
    "late": stream(*SENT, (ANSWERS, PROGRESS_OP | ENDING), (PASSES, 91)),
    "refused": stream(*SENT, received(packet(status=0x80070057, flags=5))),
    "garbage": stream(*SENT, (BYTES, 40, *bytes(b"x" * 40))),
}


# Actions of the host and the guest in fuzz_hvhost_stream.c.
(WRITES, READS, SHUTS_DOWN, CLOSES, OPENS, GUEST_WRITES, GUEST_SHUTS_DOWN, GARBAGE, GUEST_CLOSES,
 RELEASES, SPACE, RESET, TIMER) = range(13)
FULL, FREE = (SPACE, 1), (SPACE, 0)
CONNECTED = ((OPENS, 0), (READS, 0))


def steps(*pairs):
    return bytes(number for pair in pairs for number in pair)


VSOCK = {
    "both-ways": steps(*CONNECTED, (WRITES, 9), (GUEST_WRITES, 9), (READS, 255), (SHUTS_DOWN, 0),
                       (GUEST_WRITES, 1), (GUEST_SHUTS_DOWN, 0), (READS, 255), (RELEASES, 0)),
    "guest-first": steps(*CONNECTED, (GUEST_WRITES, 255), (GUEST_SHUTS_DOWN, 0), (WRITES, 255),
                         (CLOSES, 0), (RELEASES, 0)),
    "pipelined": steps((WRITES, 3), (SHUTS_DOWN, 0), *CONNECTED, (GUEST_SHUTS_DOWN, 0)),
    "host-full": steps(*CONNECTED, *((GUEST_WRITES, 255),) * 16, *((READS, 255),) * 8,
                       (GUEST_WRITES, 255), (GUEST_CLOSES, 31), *((READS, 255),) * 40),
    "host-full-closes": steps(*CONNECTED, *((GUEST_WRITES, 255),) * 16, (CLOSES, 0),
                              (GUEST_WRITES, 1), (GUEST_SHUTS_DOWN, 0)),
    "guest-full": steps(*CONNECTED, FULL, (WRITES, 255), (WRITES, 255), (CLOSES, 0), FREE,
                        (TIMER, 0), (RELEASES, 0)),
    "both-leave": steps(*CONNECTED, FULL, (WRITES, 1), (CLOSES, 0), (GUEST_SHUTS_DOWN, 0),
                        (TIMER, 0)),
    "nobody": steps((TIMER, 0), (RELEASES, 0)),
    "client-leaves": steps((CLOSES, 0), (RELEASES, 0)),
    "reset": steps(*CONNECTED, (GUEST_WRITES, 99), (RESET, 0), (READS, 255)),
    "opened-twice": steps(*CONNECTED, *((GUEST_WRITES, 255),) * 16, (GUEST_CLOSES, 0), (OPENS, 0)),
    "garbage": steps(*CONNECTED, (GARBAGE, 1)),
    "line": b"CONNECT 4294967295\0",
}


def main():
    for name, seeds in {"request": REQUEST, "answer": ANSWER, "record": RECORD,
                        "device": DEVICE, "vsock_requests": SOCKETS, "engine": ENGINE,
                        "watch": WATCH, "ring": RING, "kvp": KVP, "vmguestos_request": STREAM,
                        "hvhost_stream": VSOCK}.items():
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed, data in seeds.items():
            (folder / seed).write_bytes(data)


main()
