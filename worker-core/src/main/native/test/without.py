#!/usr/bin/env python3
"""Runs the tests of test_shim.py but for some, which must exist: python3 without.py Class.test ... [-- Class[.test] ...]

What follows the dashes are those to choose from; by default all."""

import sys
import unittest

import test_shim


def each(suite):
    for test in suite:
        yield from each(test) if isinstance(test, unittest.TestSuite) else [test]


def name(test):
    return test.id().removeprefix("test_shim.")


def main(arguments):
    at = arguments.index("--") if "--" in arguments else len(arguments)
    excluded, chosen = set(arguments[:at]), arguments[at + 1:]
    every = list(each(unittest.defaultTestLoader.loadTestsFromModule(test_shim)))
    unknown = excluded - set(map(name, every))
    if unknown:
        sys.exit(f"no such test: {', '.join(sorted(unknown))}")
    tests = each(unittest.defaultTestLoader.loadTestsFromNames(chosen, test_shim)) if chosen else every
    result = unittest.TextTestRunner().run(unittest.TestSuite(test for test in tests if name(test) not in excluded))
    sys.exit(not result.wasSuccessful() or result.testsRun == 0)


main(sys.argv[1:])
