#include "healctl/direct/settings.h"

#include "common/base/text.h"
#include "common/wire/json.h"

namespace heal::ctl {

Json to_json(const KeeperSettings& settings) {
  return {{"docker_host", settings.docker_host},
          {"docker_certs", settings.docker_certs},
          {"helper_image", settings.helper_image},
          {"alertmanager", settings.alertmanager}};
}

Result<KeeperSettings> keeper_settings_from_json(const Json& json) {
  KeeperSettings settings;
  HEAL_TRY(settings.docker_host, get_string(json, "docker_host"));
  HEAL_TRY(settings.docker_certs, get_string(json, "docker_certs"));
  HEAL_TRY(settings.helper_image, get_string(json, "helper_image"));
  HEAL_TRY(settings.alertmanager, get_string(json, "alertmanager"));
  return settings;
}

Status check_docker_host(const std::string& host) {
  if (host.starts_with("unix:///")) return {};
  if (host.starts_with("tcp://") && host.find('/', 6) == std::string::npos && host.size() > 6) return {};
  return make_error(ErrorCode::kInvalid, "expected unix:///path or tcp://host:port, not \"{}\"", printable(host, 200));
}

}  // namespace heal::ctl
