#pragma once

#include <string>

#include "common/base/result.h"
#include "common/wire/json_fwd.h"

namespace heal::ctl {

/// What a fault keeper works with. It stays the same as long as a fault is held: an undo must reach the engine that the
/// fault was injected into.
struct KeeperSettings {
  std::string docker_host;   ///< `unix:///path` or `tcp://host:port`; the targets' engine "local"
  std::string docker_certs;  ///< folder with ca.pem, cert.pem and key.pem; "": none
  std::string helper_image;
  std::string alertmanager;  ///< for the fault `silence`

  bool operator==(const KeeperSettings&) const = default;
};

Json to_json(const KeeperSettings& settings);
Result<KeeperSettings> keeper_settings_from_json(const Json& json);

/// Success when `host` is one of the two forms.
Status check_docker_host(const std::string& host);

/// The files of a keeper in its folder.
inline std::string keeper_socket(const std::string& folder) {
  return folder + "/socket";
}
inline std::string keeper_log(const std::string& folder) {
  return folder + "/log";
}
inline std::string keeper_ledger(const std::string& folder) {
  return folder + "/ledger";
}

}  // namespace heal::ctl
