# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of tests that are functions, in TAP format."""


def run_all(tests):
    """Runs the tests, and writes their results; returns the number of those that failed."""
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {test.__name__}\n# {error!r}", flush=True)
    return failed
