#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Storms of hostile packets against one guest, and a logoff that works after each; TAP on
the screen and in BUILD/results/hostile-KERNEL.tap. One seed makes all storms."""

import argparse
import pathlib
import random
import sys

import cases
import health
from run import run_suite

STORM = 10000  # packets at most


def check(lab):
    if lab.sanitizer:
        health.check(lab.machine)
    else:
        found = health.complaints(lab.machine)
        assert not found, found


def blow(lab, seed, packets):
    cases.blow(lab.machine, seed, packets)
    check(lab)


def storms(lab, seed, packets):
    draw = random.Random(seed)
    lab.report.say(f"seed {seed}, {packets} packets")
    lab.up()
    while packets > 0:
        part = min(packets, STORM)
        one = draw.getrandbits(32)
        name = f"storm of {part} packets with seed {one}"
        if not lab.report.run(name, lambda one=one, part=part: blow(lab, one, part)):
            lab.evidence()
            lab.report.say(f"again: make e2e-hostile SEED={seed}; or this storm alone: "
                           f"hvhost storm NAME --seed {one} --packets {part}")
            return
        packets -= part


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--kernel", required=True, help="as in the names of guest-KERNEL.img")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--packets", type=int, default=100000, help="of all storms together")
    options = parser.parse_args()
    return run_suite(options, f"hostile-{options.kernel}",
                     lambda lab: storms(lab, options.seed, options.packets))


if __name__ == "__main__":
    sys.exit(main())
