#include "common/telemetry/logger.h"

#include <limits>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

namespace heal {
namespace {

struct Captured {
  std::vector<std::string> lines;

  LoggerOptions options(LogFormat format = LogFormat::kLogfmt, LogLevel level = LogLevel::kInfo) {
    return {.level = level,
            .format = format,
            .sink = [this](std::string_view line) { lines.emplace_back(line); },
            .clock = [] { return WallTime(std::chrono::milliseconds(1'900'000'000'123)); }};
  }
};

TEST_CASE("a logfmt line has time, level, component, message and fields in order") {
  Captured out;
  const auto logger = Logger(out.options()).component("remedy");
  logger.info("step finished", {{"incident", "7f3a"},
                                {"attempt", 2},
                                {"ok", true},
                                {"ratio", 0.5},
                                {"bytes", std::size_t{18}},
                                {"duration_seconds", 1210ms},
                                {"err", Error(ErrorCode::kTimeout, "no answer")}});
  REQUIRE(out.lines ==
          std::vector<std::string>{
              "ts=2030-03-17T17:46:40.123Z level=info component=remedy msg=\"step finished\" incident=7f3a attempt=2 "
              "ok=true ratio=0.5 bytes=18 duration_seconds=1.21 err=\"no answer\"\n"});
}

TEST_CASE("a JSON line is one object with typed values") {
  Captured out;
  Logger(out.options(LogFormat::kJson))
      .warn("x", {{"text", "a\"b\\\x01"},
                  {"n", -3},
                  {"ok", false},
                  {"nan", std::numeric_limits<double>::quiet_NaN()},
                  {"took", 250ms}});
  REQUIRE(out.lines ==
          std::vector<std::string>{
              "{\"ts\":\"2030-03-17T17:46:40.123Z\",\"level\":\"warn\",\"component\":\"main\",\"msg\":"
              "\"x\",\"text\":\"a\\\"b\\\\\\u0001\",\"n\":-3,\"ok\":false,\"nan\":\"nan\",\"took\":0.25}\n"});
}

TEST_CASE("lines below the level are not written") {
  Captured out;
  const Logger logger(out.options(LogFormat::kLogfmt, LogLevel::kWarn));
  logger.debug("a");
  logger.info("b");
  logger.warn("c");
  logger.error("d");
  REQUIRE(out.lines.size() == 2);
  REQUIRE_FALSE(logger.enabled(LogLevel::kInfo));
  REQUIRE_FALSE(Logger::none().enabled(LogLevel::kError));
}

TEST_CASE("no value can start a new line or a new field") {
  Captured out;
  Logger(out.options()).info("m", {{"v", "a\nlevel=error \"x\" \x7f\xC2\x85 é\xFF"}, {"w", ""}, {"z", "k=v"}});
  REQUIRE(out.lines == std::vector<std::string>{
                           "ts=2030-03-17T17:46:40.123Z level=info component=main msg=m v=\"a\\nlevel=error \\\"x\\\" "
                           "\\u007f\\u0085 é\xEF\xBF\xBD\" w=\"\" z=\"k=v\"\n"});
}

TEST_CASE("no value can turn the direction of a line or hide a part of it") {
  const auto format = GENERATE(LogFormat::kLogfmt, LogFormat::kJson);
  for (const auto* const mark :
       {"061c", "200b", "200e", "200f", "2028", "202a", "202e", "2060", "2066", "2069", "feff"}) {
    const auto code = static_cast<unsigned>(std::stoul(mark, nullptr, 16));
    std::string bytes;
    if (code >= 0x800) bytes += static_cast<char>(0xE0U | code >> 12U);
    bytes += static_cast<char>((code >= 0x800 ? 0x80U : 0xC0U) | (code >> 6U & 0x3FU));
    bytes += static_cast<char>(0x80U | (code & 0x3FU));
    Captured out;
    Logger(out.options(format)).info("m", {{"v", "a" + bytes + "b€"}});
    REQUIRE(out.lines.size() == 1);
    REQUIRE(out.lines[0].find(bytes) == std::string::npos);
    REQUIRE(out.lines[0].find(std::string("\"a\\u") + mark + "b€\"") != std::string::npos);
  }
}

TEST_CASE("a huge value is cut on a character") {
  Captured out;
  std::string huge(4095, 'a');
  for (int i = 0; i < 1000; ++i)
    huge += "€";
  Logger(out.options()).info("m", {{"v", huge}});
  REQUIRE(out.lines == std::vector<std::string>{"ts=2030-03-17T17:46:40.123Z level=info component=main msg=m v=\"" +
                                                std::string(4095, 'a') + "…\"\n"});
}

TEST_CASE("lines of several threads are whole and none is lost") {
  Captured out;
  const Logger logger(out.options());
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&logger] {
        for (int i = 0; i < 100; ++i)
          logger.info("m", {{"k", "v"}});
      });
    }
  }
  REQUIRE(out.lines ==
          std::vector<std::string>(400, "ts=2030-03-17T17:46:40.123Z level=info component=main msg=m k=v\n"));
}

TEST_CASE("an unknown level or format names what is allowed") {
  REQUIRE(parse_log_level("warn") == LogLevel::kWarn);
  REQUIRE(parse_log_format("json") == LogFormat::kJson);
  REQUIRE(parse_log_level("loud").error().str() == "unknown log level \"loud\": expected debug, info, warn or error");
  REQUIRE(parse_log_format("xml").error().str() == "unknown log format \"xml\": expected logfmt or json");
}

}  // namespace
}  // namespace heal
