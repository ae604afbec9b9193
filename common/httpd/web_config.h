#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/httpd/message.h"

namespace heal::httpd {

/// What a TLS server asks of its clients, named as crypto/tls names it.
enum class ClientAuth { kNone, kRequest, kRequireAny, kVerifyIfGiven, kRequireAndVerify };

/// tls_server_config. File names are absolute or relative to the working directory.
struct TlsSettings {
  std::string cert_file;
  std::string key_file;
  std::string cert;  ///< PEM text instead of a file
  std::string key;
  ClientAuth client_auth = ClientAuth::kNone;
  std::string client_ca_file;
  std::string client_ca;
  std::vector<std::string> client_allowed_sans;  ///< not empty: a client certificate must have one of them
  int min_version = 0x0303;                      ///< as on the wire: TLS 1.2
  int max_version = 0x0304;
  std::vector<std::string> ciphers;  ///< OpenSSL's names, for TLS 1.2 and below; empty: OpenSSL's default
  std::vector<std::string> curves;   ///< OpenSSL's names
  bool prefers_own_ciphers = true;

  bool operator==(const TlsSettings&) const = default;
};

/// exporter-toolkit's web.config.yml. Source: github.com/prometheus/exporter-toolkit, docs/web-configuration.md.
struct WebConfig {
  std::optional<TlsSettings> tls;
  FieldList headers;                                      ///< added to every response
  std::map<std::string, std::string, std::less<>> users;  ///< name → bcrypt hash

  bool operator==(const WebConfig&) const = default;
};

/// True when who comes without credentials or a verified certificate of his own is turned away.
bool asks_for_credentials(const WebConfig& config);

/// What somebody loses who relied on `old`, in words ("nobody would be asked for a password"); "" when nothing that
/// keeps others out goes away.
std::string_view weakened(const WebConfig& old, const WebConfig& anew);

/// Reads `text` of the file named `path`; every mistake is in the error's text (a multi-line report when there are
/// several). Relative file names in it are relative to the folder of `path`.
Result<WebConfig> parse_web_config(const std::string& path, std::string text);

/// Reads the file; "" gives the empty configuration.
Result<WebConfig> load_web_config(const std::string& path);

/// The same, and the certificates and keys that it names are tried as a server would.
Result<WebConfig> check_web_config(const std::string& path);

}  // namespace heal::httpd
