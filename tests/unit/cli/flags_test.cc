#include "common/cli/flags.h"

#include <iostream>
#include <sstream>

#include <catch2/catch.hpp>

#include "heal_version.h"

namespace heal::cli {
namespace {

struct Outcome {
  std::optional<int> code;
  ServiceFlags flags;
  std::string out;
  std::string err;
  std::string mode;
  bool insecure = false;
  Duration keep = 1h;
};

// Puts `buffer` in the place of a stream's own for a scope.
class Captured {
 public:
  explicit Captured(std::ostream& stream) : stream_(stream), old_(stream.rdbuf(text_.rdbuf())) {}
  ~Captured() { stream_.rdbuf(old_); }
  std::string str() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::ostream& stream_;
  std::streambuf* old_;
};

Outcome parse(std::vector<const char*> words) {
  Outcome outcome;
  ServiceFlags defaults;
  defaults.config_file = "heal.yml";
  defaults.listen_addresses = {":9095"};
  FlagParser parser("heal-test", "Tests.", defaults);
  parser.add_flag("--web.insecure", outcome.insecure, "serve anyone");
  parser.add_duration("--keep", outcome.keep, "how long");
  parser.add_mode("actuator", "be the actuator");
  words.insert(words.begin(), "heal-test");
  const Captured out(std::cout), err(std::cerr);
  outcome.code = parser.parse(static_cast<int>(words.size()), words.data());
  outcome.flags = parser.flags();
  outcome.mode = parser.mode();
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

TEST_CASE("without flags the defaults are in force") {
  const auto outcome = parse({});
  REQUIRE(outcome.code == std::nullopt);
  REQUIRE(outcome.flags.config_file == "heal.yml");
  REQUIRE(outcome.flags.listen_addresses == std::vector<std::string>{":9095"});
  REQUIRE(!outcome.flags.systemd_socket);
  REQUIRE(outcome.flags.log_level == LogLevel::kInfo);
  REQUIRE(outcome.mode.empty());
}

TEST_CASE("all common flags are taken, the listen address several times") {
  const auto outcome = parse({"--config.file=x.yml", "--config.check", "--config.print", "--web.listen-address", ":1",
                              "--web.listen-address=unix:/a", "--web.config.file", "w.yml", "--log.level=debug",
                              "--log.format=json", "--web.insecure", "--keep=90s", "--web.systemd-socket", "actuator"});
  INFO(outcome.err);
  REQUIRE(outcome.code == std::nullopt);
  REQUIRE(outcome.flags.config_file == "x.yml");
  REQUIRE(outcome.flags.config_check);
  REQUIRE(outcome.flags.config_print);
  REQUIRE(outcome.flags.listen_addresses == std::vector<std::string>{":1", "unix:/a"});
  REQUIRE(outcome.flags.systemd_socket);
  REQUIRE(outcome.flags.web_config_file == "w.yml");
  REQUIRE(outcome.flags.log_level == LogLevel::kDebug);
  REQUIRE(outcome.flags.log_format == LogFormat::kJson);
  REQUIRE(outcome.insecure);
  REQUIRE(outcome.keep == 90s);
  REQUIRE(outcome.mode == "actuator");
}

TEST_CASE("flags may follow a mode") {
  const auto outcome = parse({"actuator", "--log.level=warn", "--keep", "5m"});
  INFO(outcome.err);
  REQUIRE(outcome.code == std::nullopt);
  REQUIRE(outcome.mode == "actuator");
  REQUIRE(outcome.flags.log_level == LogLevel::kWarn);
  REQUIRE(outcome.keep == 5min);
}

TEST_CASE("a usage error ends with 2 and says what to do") {
  struct Case {
    std::vector<const char*> words;
    std::string text;
  };
  const auto c = GENERATE(values<Case>({
      {{"--config.fiel=x"}, "unknown flag --config.fiel; did you mean --config.file?"},
      {{"--zzzzzzzzzzzz"}, "unknown flag --zzzzzzzzzzzz"},
      {{"stray"}, "unexpected argument \"stray\""},
      {{"--log.level=loud"}, "--log.level: unknown log level \"loud\": expected debug, info, warn or error"},
      {{"--keep=1x"}, "--keep: \"1x\" is not a duration (expected for example \"30s\", \"5m\" or \"1h30m\")"},
      {{"--config.file"}, "--config.file needs a value"},
  }));
  const auto outcome = parse(c.words);
  REQUIRE(outcome.code == 2);
  REQUIRE(outcome.err == "heal-test: " + c.text + "\nTry heal-test --help\n");
  REQUIRE(outcome.out.empty());
}

TEST_CASE("help and version end with 0 on standard output") {
  const auto version = parse({"--version"});
  REQUIRE(version.code == 0);
  REQUIRE(version.out == std::string("heal-test, version ") + kVersion + " (revision: " + kRevision + ")\n");
  const auto help = parse({"--help"});
  REQUIRE(help.code == 0);
  REQUIRE(
      help.out ==
      "Tests.\n\nUsage:\n  heal-test [MODE] [flags]\n\n"
      "Modes:\n"
      "  actuator                            be the actuator\n\n"
      "Flags:\n"
      "  -h, --help                          show this help and end\n"
      "      --version                       show the version and end\n"
      "      --config.file FILE              the configuration file (default heal.yml)\n"
      "      --config.check                  check the configuration and end: 0 good, 1 bad\n"
      "      --config.print                  show the configuration with all defaults and end\n"
      "      --web.listen-address ADDRESS    where to serve: host:port, :port, [v6]:port or unix:/path (repeatable) "
      "(default :9095)\n"
      "      --web.systemd-socket            serve on the sockets that systemd passes, in place of "
      "--web.listen-address\n"
      "      --web.config.file FILE          TLS and users, in exporter-toolkit's format\n"
      "      --log.level LEVEL               debug, info, warn or error (default info)\n"
      "      --log.format FORMAT             logfmt or json (default logfmt)\n"
      "      --web.insecure                  serve anyone\n"
      "      --keep DURATION                 how long (default 1h)\n");
  REQUIRE(help.err.empty());
}

}  // namespace
}  // namespace heal::cli
