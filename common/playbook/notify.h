#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/config/decode.h"

namespace heal::playbook {

/// Through which server mail is sent, and to whom it may be.
struct EmailSettings {
  enum class Tls { kStartTls, kImplicit, kOff };
  std::string smarthost;  ///< `host:port`
  Tls tls = Tls::kStartTls;
  std::string from;
  std::vector<std::string> to;  ///< nobody else is ever written to
  std::string username;         ///< "": none is given
  config::Secret password;
  std::string ca_file;  ///< PEM; "" for the system's bundle
  bool operator==(const EmailSettings&) const = default;
};

/// A URL that is told something by POST.
struct WebhookSettings {
  config::Secret url;                                             ///< often a secret itself
  std::map<std::string, std::string, std::less<>> headers_files;  ///< header → file with its value
  std::string ca_file;                                            ///< PEM; "" for the system's bundle
  bool operator==(const WebhookSettings&) const = default;
};

/// heal.yml's `notify`.
struct NotifySettings {
  std::optional<EmailSettings> email;
  std::map<std::string, WebhookSettings, std::less<>> webhooks;
  bool operator==(const NotifySettings&) const = default;
};

/// `files` gets a pair of key and value for each file that is named.
using FileNotes = std::vector<std::pair<std::string, config::Value>>;
NotifySettings read_notify(const config::Value& value, FileNotes& files);

/// The same as YAML, for `--config.print`; secrets are shown as `<secret>`.
std::string print_notify(const NotifySettings& notify);

}  // namespace heal::playbook
