"""Runs the tests of the file that calls main(); each line tells how long its test took."""

import time
import unittest


class Timed(unittest.TextTestResult):
    def startTest(self, test):
        self.begun = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok, {time.monotonic() - self.begun:.1f} s")
        self.stream.flush()


class Runner(unittest.TextTestRunner):
    resultclass = Timed


def main():
    unittest.main(verbosity=2, testRunner=Runner)
