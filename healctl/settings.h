#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "healctl/cli/spec.h"
#include "healctl/console.h"

namespace heal::ctl {

enum class OutputFormat { kTable, kJson, kYaml };

/// The global options as given; empty means not given.
struct GlobalOptions {
  std::string server, config_file, username, password_file, ca_file;
  std::string output = "table";
  std::optional<Duration> timeout;
};
std::vector<OptionSpec> global_option_specs(GlobalOptions& options);

/// What is in force after flags, environment and configuration file, in that order.
struct Settings {
  std::string server = "http://localhost:9095";
  std::string alertmanager = "http://localhost:9093";
  std::string prometheus = "http://localhost:9090";
  std::string exporter = "http://localhost:9115";
  std::optional<std::string> username;
  std::string password;  ///< never printed
  std::optional<std::string> ca_file;
  OutputFormat output = OutputFormat::kTable;
  std::optional<Duration> timeout;
  std::string config_file;           ///< the file that was read; "" for none
  std::vector<std::string> remarks;  ///< what the user should know, for stderr
  /// The faults folder whose keeper is asked instead of the service, see Context::use_keeper(); "": none.
  std::string keeper_folder;
  std::string problem;  ///< why these are defaults: what is wrong with the given ones; "" when nothing
};

/// The URL without slashes at its end, so that a path can be put behind it. An Error (kInvalid) when it is no http or
/// https URL, or has a query or a fragment.
Result<std::string> base_url(std::string url);

/// Errors (kInvalid): what is wrong in the file, with places, or that a file that was named cannot be read.
Result<Settings> load_settings(const GlobalOptions& options, const Environment& environment);

}  // namespace heal::ctl
