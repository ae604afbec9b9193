#include "webhook/access.h"

#include <algorithm>

#include "common/httpd/listen.h"

namespace heal::webhook {
namespace {

bool is_reached_by_others(const std::string& listen) {
  const auto address = httpd::parse_listen_address(listen);
  return address.has_value() && !httpd::is_loopback(*address);
}

bool serves_other_machines(const AppOptions& options) {
  if (options.passed.empty()) return std::any_of(options.listen.begin(), options.listen.end(), is_reached_by_others);
  return std::any_of(options.passed.begin(), options.passed.end(),
                     [](const httpd::PassedSocket& socket) { return is_reached_by_others(socket.address); });
}

}  // namespace

bool may_use(const playbook::HealConfig& config, std::string_view user, std::string_view role) {
  const auto& users = config.users;
  if (role.empty() || users.empty()) return true;
  const auto it = users.find(user);
  if (it == users.end()) return false;
  return std::any_of(it->second.begin(), it->second.end(),
                     [&](playbook::Role held) { return playbook::to_string(held) == role; });
}

Status check_access(const AppOptions& options, const playbook::HealConfig& config, const httpd::WebConfig& web) {
  const bool is_open = options.exposure == AppOptions::Exposure::kNeedsAuthentication &&
                       serves_other_machines(options) && !httpd::asks_for_credentials(web);
  if (is_open) {
    return make_error(ErrorCode::kRefused,
                      "other machines could reach this service without credentials: listen on 127.0.0.1, give "
                      "--web.config.file with basic_auth_users or client certificates, or say --web.insecure");
  }
  if (!config.users.empty() && web.users.empty()) {
    return make_error(ErrorCode::kRefused,
                      "heal.yml gives roles to users, but nobody is asked for a name and password: give "
                      "--web.config.file with basic_auth_users, or take `users` out of heal.yml");
  }
  return {};
}

}  // namespace heal::webhook
