"""The layering check must be able to fail: each breach it exists for is shown to it once."""

import unittest

import layering


class Breach(unittest.TestCase):
    def test_includes_down_the_table_are_allowed(self):
        self.assertIsNone(layering.breach("remedy", "plan.cc", '"', "common/model/alert.h"))
        self.assertIsNone(layering.breach("model", "alert.cc", '"', "common/model/alert.h"))
        self.assertIsNone(layering.breach("base", "x.cc", "<", "fmt/format.h"))

    def test_planning_cannot_name_io(self):
        self.assertEqual(layering.breach("playbook", "plan.cc", '"', "common/port/clock.h"),
                         'playbook may not include port ("common/port/clock.h")')

    def test_programs_never_include_one_another(self):
        self.assertEqual(layering.breach("healctl", "app.cc", '"', "webhook/app.h"),
                         'healctl may not include webhook ("webhook/app.h")')

    def test_real_adapters_are_named_where_a_program_is_put_together_only(self):
        self.assertIsNone(layering.breach("webhook", "app.cc", '"', "common/system/clock.h"))
        self.assertEqual(layering.breach("webhook", "intake.cc", '"', "common/system/clock.h"),
                         'webhook may not include system ("common/system/clock.h")')

    def test_a_library_has_one_home(self):
        self.assertIsNone(layering.breach("wire", "json.cc", "<", "nlohmann/json.hpp"))
        self.assertEqual(layering.breach("webhook", "api.cc", "<", "nlohmann/json.hpp"),
                         "<nlohmann/json.hpp> is included here, but only wire may use that library")

    def test_includes_go_from_the_repository_root(self):
        self.assertEqual(layering.breach("base", "x.cc", '"', "digest.h"), '"digest.h" is not a path from the repository root')


if __name__ == "__main__":
    unittest.main()
