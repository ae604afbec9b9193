"""Reads a JUnit file written by ctest: prints `passed COUNT`, then `failed NAME` for each test that did not pass.

A test that was skipped, disabled or not found did not pass. No test at all is an error.
"""

import sys
import xml.etree.ElementTree as ElementTree


def main(path):
    cases = ElementTree.parse(path).getroot().iter("testcase")
    passed, failed = 0, []
    for case in cases:
        if case.get("status") == "run" and case.find("failure") is None and case.find("skipped") is None:
            passed += 1
        else:
            failed.append(f"{case.get('name')} ({case.get('status')})")
    if not passed and not failed:
        sys.exit("no test ran")
    print("passed", passed)
    for name in failed:
        print("failed", name)


if __name__ == "__main__":
    main(sys.argv[1])
