#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "common/port/mailer.h"
#include "common/system/system_clock.h"
#include "common/wire/json.h"
#include "heal_test_paths.h"
#include "tests/contract/ports/daemon.h"

namespace heal::test {

/// Debian's aiosmtpd, which takes mail on 127.0.0.1 but for `nobody@…`.
class SmtpSink {
 public:
  /// `options` as smtp_sink.py has them.
  explicit SmtpSink(const std::vector<std::string>& options) {
    std::vector<std::string> argv{"/usr/bin/python3", HEAL_SOURCE_DIR "/tests/contract/ports/smtp_sink.py",
                                  std::to_string(port_), folder_.path().string()};
    argv.insert(argv.end(), options.begin(), options.end());
    daemon_.start(argv);
    SystemClock clock;
    const Deadline deadline = clock.deadline_in(40s);
    while (!std::filesystem::exists(folder_.path() / "ready")) {
      if (clock.steady_now() > deadline) FAIL("the mail server does not start: " << daemon_.stop());
      clock.sleep_for(50ms, {});
    }
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// All that it took, in order.
  std::vector<Mail> taken() const {
    std::vector<Mail> out;
    for (int i = 1;; ++i) {
      std::ifstream file(folder_.path() / (std::to_string(i) + ".json"));
      if (!file) return out;
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      const Json json = parse_json(text).value();
      Mail mail{get_string(json, "from").value(), {}, get_string(json, "text").value()};
      for (const Json& to : *get_array(json, "to").value())
        mail.to.push_back(to.get<std::string>());
      out.push_back(std::move(mail));
    }
  }

 private:
  const std::uint16_t port_ = free_port();
  TempFolder folder_;
  Daemon daemon_;
};

}  // namespace heal::test
