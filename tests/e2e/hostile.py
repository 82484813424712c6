#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sends storms of invalid packets to one guest, with a logoff after each storm. Writes TAP to
standard output and BUILD/results/hostile-KERNEL.tap. The seed determines all storms."""

import random
import sys

import cases
import health
from run import argument_parser, run_suite, suite

STORM = 10000  # maximum packets of one storm


def check(lab):
    if lab.sanitizer:
        health.check(lab.machine)
    else:
        found = health.complaints(lab.machine)
        assert not found, found


def run_storm(lab, seed, packets):
    cases.run_storm(lab.machine, seed, packets)
    check(lab)


def storms(lab, seed, packets):
    draw = random.Random(seed)
    lab.report.log(f"seed {seed}, {packets} packets")
    lab.up()
    while packets > 0:
        part = min(packets, STORM)
        one = draw.getrandbits(32)
        name = f"storm of {part} packets with seed {one}"
        if not lab.report.run(name, lambda one=one, part=part: run_storm(lab, one, part)):
            lab.evidence()
            lab.report.log(f"to reproduce: make e2e-hostile SEED={seed}; this storm only: "
                           f"hvhost storm NAME --seed {one} --packets {part}")
            return
        packets -= part


def main():
    parser = argument_parser(__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(32))
    parser.add_argument("--packets", type=int, default=100000, help="total of all storms")
    options = parser.parse_args()
    return run_suite(options, f"hostile-{suite(options)}",
                     lambda lab: storms(lab, options.seed, options.packets))


if __name__ == "__main__":
    sys.exit(main())
