#include "healctl/cli/parse.h"

#include <catch2/catch.hpp>

namespace heal::ctl {
namespace {

using Words = std::vector<std::string>;
using Kind = Invocation::Kind;

/// A small command line with everything that parsing knows.
struct Sample {
  std::string output = "table", target, fault = "stop";
  std::vector<std::string> params, files;
  bool wait = false;
  std::optional<Duration> timeout;
  CommandTree tree;

  Sample() {
    tree.global_options = {
        {.names = "-o,--output", .value = "FORMAT", .choices = {"table", "json"}, .set = into(output)},
        {.names = "--timeout", .value = "DURATION", .set = into(timeout)}};
    tree.groups = {{"playbook", "Files."}, {"faults", "Faults."}};
    tree.commands = {{.path = {"heal"},
                      .arguments = {{.names = "TARGET", .occurs = Occurs::kRequired, .set = into(target)}},
                      .options = {{.names = "--set", .value = "N=V", .occurs = Occurs::kRepeated, .set = into(params)},
                                  {.names = "--fault", .value = "F", .choices = {"stop", "kill"}, .set = into(fault)},
                                  {.names = "-w,--wait", .set = into(wait)}}},
                     {.path = {"playbook", "check"},
                      .arguments = {{.names = "FILE", .occurs = Occurs::kAtLeastOnce, .set = into(files)}}},
                     {.path = {"faults", "list"}}};
  }
  Invocation parse(const Words& args) { return parse_command_line(args, tree); }
};

Invocation usage(const Words& path, const std::string& message, const std::string& hint = "") {
  return {Kind::kUsageError, path, message, hint};
}

TEST_CASE("options may stand before and after the command and its arguments") {
  for (const Words& args :
       {Words{"-o", "json", "heal", "web", "--set", "a=1", "--set=b=", "-w", "--timeout", "5s"},
        Words{"heal", "-ojson", "--wait", "--set", "a=1", "web", "--timeout=5s", "--set", "b="},
        Words{"--timeout", "5s", "heal", "--set=a=1", "--set", "b=", "-w", "--output=json", "--", "web"}}) {
    CAPTURE(args);
    Sample sample;
    CHECK(sample.parse(args) == Invocation{Kind::kCommand, {"heal"}, "", ""});
    CHECK(sample.output == "json");
    CHECK(sample.target == "web");
    CHECK(sample.params == Words{"a=1", "b="});
    CHECK(sample.wait);
    CHECK(sample.timeout == std::optional<Duration>(5s));
  }
}

TEST_CASE("values are taken as they are") {
  Sample sample;
  CHECK(sample.parse({"heal", "--set", "-x=1", "--set", "[a,b]", "--set=", "--set", "", "--set", "--wait", "w"}).kind ==
        Kind::kCommand);
  CHECK(sample.params == Words{"-x=1", "[a,b]", "", "", "--wait"});
  CHECK_FALSE(sample.wait);

  Sample files;
  CHECK(files.parse({"playbook", "check", "[a,b]", "heal", "", "--", "-x", "--wait", "++"}).kind == Kind::kCommand);
  CHECK(files.files == Words{"[a,b]", "heal", "", "-x", "--wait", "++"});
}

TEST_CASE("a wrong command line is explained") {
  struct Case {
    Words args;
    Invocation expected;
  };
  const auto c = GENERATE(values<Case>({
      {{}, usage({}, "a command is required")},
      {{"playbook"}, usage({"playbook"}, "a command is required after \"playbook\"")},
      {{"heall", "web"}, usage({}, "unknown command \"heall\"", "did you mean \"heal\"?")},
      {{"check", "x"}, usage({}, "unknown command \"check\"", "did you mean \"playbook check\"?")},
      {{"qqqqqq", "heal", "x"}, usage({}, "unknown command \"qqqqqq\"")},
      {{"playbook", "chek"}, usage({"playbook"}, "unknown command \"chek\"", "did you mean \"check\"?")},
      {{"\x1b[2J"}, usage({}, "unknown command \"\\x1b[2J\"")},
      {{"heal"}, usage({"heal"}, "missing argument TARGET")},
      {{"playbook", "check"}, usage({"playbook", "check"}, "missing argument FILE")},
      {{"heal", "a", "b"}, usage({"heal"}, "unexpected argument \"b\"")},
      {{"heal", "a", "list"}, usage({"heal"}, "unexpected argument \"list\"")},
      {{"heal", "a", "++"}, usage({}, "unexpected argument \"++\"")},
      {{"heal", "a", "--wiat"}, usage({"heal"}, "unknown option \"--wiat\"", "did you mean \"--wait\"?")},
      {{"heal", "a", "-x"}, usage({"heal"}, "unknown option \"-x\"")},
      {{"heal", "a", "--sett=1"}, usage({"heal"}, "unknown option \"--sett\"", "did you mean \"--set\"?")},
      {{"heal", "a", "--set"}, usage({"heal"}, "option \"--set\" needs a value")},
      {{"heal", "a", "-o"}, usage({"heal"}, "option \"-o\" needs a value")},
      {{"heal", "a", "--wait=yes"}, usage({}, "option \"--wait\" takes no value")},
      {{"heal", "a", "--fault", "kil"},
       usage({"heal"}, "option \"--fault\": \"kil\" is none of stop, kill", "did you mean \"kill\"?")},
      {{"heal", "a", "--fault", "kill", "--fault", "stop"}, usage({"heal"}, "option \"--fault\" was given 2 times")},
      {{"heal", "a", "--timeout", "soon"},
       usage({"heal"},
             "option \"--timeout\": \"soon\" is not a duration (expected for example \"30s\", \"5m\" or \"1h30m\")")},
      {{"-o", "json", "heal", "a", "-o", "json"}, usage({"heal"}, "option \"--output\" was given 2 times")},
      {{"faults", "list", "x"}, usage({"faults", "list"}, "unexpected argument \"x\"")},
  }));
  CAPTURE(c.args);
  Sample sample;
  const auto found = sample.parse(c.args);
  CHECK(found.message == c.expected.message);
  CHECK(found.hint == c.expected.hint);
  CHECK(found == c.expected);
}

TEST_CASE("help is shown for whatever was reached, even when the rest is wrong") {
  Sample sample;
  CHECK(sample.parse({"--help"}) == Invocation{Kind::kHelp, {}, "", ""});
  CHECK(sample.parse({"playbook", "-h"}) == Invocation{Kind::kHelp, {"playbook"}, "", ""});
  CHECK(sample.parse({"heal", "--fault", "x", "--help"}) == Invocation{Kind::kHelp, {"heal"}, "", ""});
  CHECK(sample.parse({"--help", "heal"}) == Invocation{Kind::kHelp, {"heal"}, "", ""});
  CHECK(sample.parse({"--version"}) == Invocation{Kind::kVersion, {}, "", ""});
}

}  // namespace
}  // namespace heal::ctl
