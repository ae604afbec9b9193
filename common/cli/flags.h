#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/telemetry/logger.h"

namespace heal::cli {

/// The flags that every service of the project has, named as Prometheus names them.
struct ServiceFlags {
  std::string config_file;
  bool config_check = false;  ///< read the configuration, say whether it is good, end
  bool config_print = false;  ///< show the configuration with all defaults, end
  std::vector<std::string> listen_addresses;
  bool systemd_socket = false;  ///< serve on the sockets that systemd passed, in place of listen_addresses
  std::string web_config_file;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kLogfmt;
};

/// Parses a service's command line: the common flags and those that it adds. A mistyped flag gets a suggestion.
class FlagParser {
 public:
  /// Which of the common flags the program has.
  enum class FlagSet {
    kAll,
    kWithoutWeb,     ///< none of --web.listen-address, --web.systemd-socket, --web.config.file
    kWithoutConfig,  ///< none of --config.file, --config.check, --config.print, --web.systemd-socket, --web.config.file
  };
  /// `defaults` holds what is in force when a flag is not given.
  FlagParser(std::string program, const std::string& description, ServiceFlags defaults, FlagSet set = FlagSet::kAll);
  ~FlagParser();
  FlagParser(const FlagParser&) = delete;
  FlagParser& operator=(const FlagParser&) = delete;

  /// Further flags, named with their dashes; `target` holds the default and must outlive parse(). In the help a flag's
  /// value is called by the last word of its name, and `help` begins in lower case.
  void add_flag(const std::string& name, bool& target, const std::string& help);
  void add_option(const std::string& name, std::string& target, const std::string& help);
  void add_option(const std::string& name, std::vector<std::string>& target, const std::string& help);
  void add_option(const std::string& name, std::int64_t& target, const std::string& help);
  /// Prometheus grammar: 30s, 5m.
  void add_duration(const std::string& name, Duration& target, const std::string& help);
  /// A word that is a mode of the program (`heal-webhook actuator`); parsed flags are shared.
  void add_mode(const std::string& word, const std::string& help);

  /// nullopt: go on. Otherwise the exit code: 0 after --help or --version, 2 after a usage error (already explained on
  /// standard error).
  std::optional<int> parse(int argc, const char* const* argv);

  const ServiceFlags& flags() const;
  /// The mode that was given, "" for none.
  const std::string& mode() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// `heal-exporter, version 0.1.0 (revision: abc)`.
std::string version_line(const std::string& program);

}  // namespace heal::cli
