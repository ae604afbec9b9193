#include "healctl/settings.h"

#include <utility>

#include "common/base/text.h"
#include "common/config/decode.h"
#include "common/config/diagnostics.h"
#include "common/config/file.h"
#include "common/config/yaml.h"

namespace heal::ctl {
namespace {

/// The keys of healctl's configuration file.
struct FileSettings {
  std::string server, username, password_file, ca_file, alertmanager, prometheus, exporter;
};

void read_keys(config::MapReader& map, FileSettings& file) {
  map.optional("server", file.server, config::as_http_url);
  map.optional("username", file.username, config::as_nonempty_string);
  map.optional("password_file", file.password_file, config::as_nonempty_string);
  map.optional("ca_file", file.ca_file, config::as_nonempty_string);
  map.optional("alertmanager", file.alertmanager, config::as_http_url);
  map.optional("prometheus", file.prometheus, config::as_http_url);
  map.optional("exporter", file.exporter, config::as_http_url);
  map.finish();
}

Result<FileSettings> read_file(const std::string& path) {
  HEAL_TRY(auto text, config::read_text_file(path));
  const config::Source source(path, std::move(text));
  config::Diagnostics diagnostics;
  FileSettings file;
  if (const auto root = config::parse_yaml(source, diagnostics); root && root->kind != config::NodeKind::kNull) {
    config::MapReader map(config::Value(*root, source, diagnostics, config::Dialect::kStrict, "the file"),
                          "healctl's configuration");
    read_keys(map, file);
  }
  if (diagnostics.has_errors()) {
    return Error(ErrorCode::kInvalid,
                 "healctl's configuration is not valid:\n" + std::string(trim(diagnostics.render())));
  }
  const auto folder = config::folder_of(path);
  if (!file.password_file.empty()) file.password_file = config::resolve_path(file.password_file, folder);
  if (!file.ca_file.empty()) file.ca_file = config::resolve_path(file.ca_file, folder);
  return file;
}

std::string variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

/// "" when there is no place for one.
std::string default_config_file(const Environment& environment) {
  const auto folder = variable(environment, "XDG_CONFIG_HOME");
  if (!folder.empty()) return folder + "/healctl/config.yml";
  const auto home = variable(environment, "HOME");
  return home.empty() ? "" : home + "/.config/healctl/config.yml";
}

void take(std::string& target, const std::string& value) {
  if (!value.empty()) target = value;
}

Status read_password(Settings& settings, const std::string& password_file) {
  if (settings.username.has_value() == password_file.empty()) {
    return make_error(ErrorCode::kInvalid, "a user name and a password file go together: {} is missing",
                      password_file.empty() ? "the password file" : "the user name");
  }
  if (password_file.empty()) return {};
  HEAL_TRY(settings.password, config::load_secret({.value = "", .file = password_file}, "."));
  return {};
}

Result<FileSettings> find_file(const GlobalOptions& options, const Environment& environment, Settings& settings) {
  settings.config_file = options.config_file.empty() ? default_config_file(environment) : options.config_file;
  if (settings.config_file.empty()) return FileSettings{};
  auto file = read_file(settings.config_file);
  if (!file && file.error().code() == ErrorCode::kNotFound && options.config_file.empty()) {
    settings.config_file.clear();
    return FileSettings{};
  }
  return file;
}

}  // namespace

Result<std::string> base_url(std::string url) {
  while (url.ends_with('/'))
    url.pop_back();
  if (const auto problem = config::http_url_problem(url)) return make_error(ErrorCode::kInvalid, "{}", *problem);
  if (url.find_first_of("?#") != std::string::npos)
    return make_error(ErrorCode::kInvalid, "it must not hold a query or a fragment");
  return url;
}

std::vector<OptionSpec> global_option_specs(GlobalOptions& options) {
  return {
      {.names = "--server",
       .value = "URL",
       .help = "heal-webhook's address (default http://localhost:9095)",
       .set = into(options.server)},
      {.names = "--user", .value = "NAME", .help = "user of the service", .set = into(options.username)},
      {.names = "--password-file",
       .value = "FILE",
       .help = "file that holds the user's password",
       .completes = Completes::kFiles,
       .set = into(options.password_file)},
      {.names = "--ca-file",
       .value = "FILE",
       .help = "certificates to trust instead of the system's",
       .completes = Completes::kFiles,
       .set = into(options.ca_file)},
      {.names = "--config.file",
       .value = "FILE",
       .help = "configuration (default ~/.config/healctl/config.yml, when there is one)",
       .completes = Completes::kFiles,
       .set = into(options.config_file)},
      {.names = "-o,--output",
       .value = "FORMAT",
       .help = "how to show data",
       .choices = {"table", "json", "yaml"},
       .set = into(options.output)},
      {.names = "--timeout", .value = "DURATION", .help = "give up after this long", .set = into(options.timeout)},
  };
}

Result<Settings> load_settings(const GlobalOptions& options, const Environment& environment) {
  Settings settings;
  HEAL_TRY(const auto file, find_file(options, environment, settings));
  const auto from_environment = variable(environment, "HEALCTL_SERVER");
  take(settings.server, file.server);
  take(settings.server, from_environment);
  take(settings.server, options.server);
  take(settings.alertmanager, file.alertmanager);
  take(settings.prometheus, file.prometheus);
  take(settings.exporter, file.exporter);
  const std::string_view where = !options.server.empty()     ? "--server"
                                 : !from_environment.empty() ? "HEALCTL_SERVER"
                                                             : "server";
  auto server = base_url(settings.server);
  if (!server) return make_error(ErrorCode::kInvalid, "{}: {}", where, server.error().message());
  settings.server = std::move(*server);
  std::string username = options.username, password_file = options.password_file;
  // A password that was written down for one server must not go to another.
  std::string file_server = file.server;
  while (file_server.ends_with('/'))
    file_server.pop_back();
  const bool for_this_server = file_server.empty() || file_server == settings.server;
  if (username.empty() && password_file.empty()) {
    if (for_this_server) {
      username = file.username;
      password_file = file.password_file;
    } else if (!file.username.empty()) {
      settings.remarks.push_back(fmt::format("the credentials in {} are for {} and were not sent to {}",
                                             settings.config_file, file_server, settings.server));
    }
  }
  if (!username.empty()) settings.username = username;
  HEAL_TRY_STATUS(read_password(settings, password_file));
  if (!options.ca_file.empty() || !file.ca_file.empty()) {
    settings.ca_file = options.ca_file.empty() ? file.ca_file : options.ca_file;
  }
  settings.output = options.output == "json"   ? OutputFormat::kJson
                    : options.output == "yaml" ? OutputFormat::kYaml
                                               : OutputFormat::kTable;
  settings.timeout = options.timeout;
  return settings;
}

}  // namespace heal::ctl
