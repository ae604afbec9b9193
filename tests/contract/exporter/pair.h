#pragma once

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "heal_test_paths.h"
#include "tests/contract/exporter/programs.h"
#include "tests/support/temp_folder.h"

namespace heal::test {

inline constexpr const char* kBlackbox = "/usr/bin/prometheus-blackbox-exporter";

/// Families whose values are measured times.
inline bool is_time(const std::string& name) {
  return name == "probe_dns_lookup_time_seconds" || name.ends_with("_duration_seconds");
}

/// The lines of an exposition, sorted, times replaced by whether there was one, without what only we have.
inline std::vector<std::string> comparable(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.find("heal_probe_") != std::string::npos) continue;
    const std::size_t space = line.rfind(' ');
    const std::string name = line.substr(0, line.find_first_of("{ "));
    if (is_time(name) && line.front() != '#') {
      const bool ran = std::stod(line.substr(space)) > 0;
      line = line.substr(0, space) + (line[space - 1] == '}' && !ran ? " 0" : " some");
    }
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

inline std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
    out += hex;
  }
  return out;
}

/// Debian's blackbox_exporter and heal-exporter on one configuration.
class ExporterPair {
 public:
  struct Answers {
    HttpClientResponse theirs, ours;
  };
  Answers ask(const std::string& path, const HttpHeaders& headers = {}) {
    return {client_.get(theirs_, path, headers), client_.get(ours_, path, headers)};
  }
  /// One probe by both.
  Answers probe(const std::string& module, const std::string& target, const std::string& more = "") {
    return ask("/probe?module=" + module + "&target=" + escaped(target) + more);
  }

 protected:
  /// Starts both on this blackbox.yml.
  void start(const std::string& modules) {
    const std::string file = (folder_.path() / "blackbox.yml").string();
    std::ofstream(file) << modules;
    theirs_ = free_port();
    do
      ours_ = free_port();
    while (ours_ == theirs_);
    const auto listen = [](std::uint16_t port) { return "--web.listen-address=127.0.0.1:" + std::to_string(port); };
    blackbox_.emplace(
        std::vector<std::string>{kBlackbox, "--config.file=" + file, listen(theirs_), "--log.level=error"});
    heal_.emplace(std::vector<std::string>{HEAL_BIN_DIR "/heal-exporter", "--config.file=" + file, listen(ours_),
                                           "--log.level=error"});
    client_.wait_for(theirs_);
    client_.wait_for(ours_);
  }

  TempFolder folder_;

 private:
  std::uint16_t theirs_ = 0, ours_ = 0;
  std::optional<Program> blackbox_, heal_;
  Client client_;
};

}  // namespace heal::test
