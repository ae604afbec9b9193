#pragma once

#include <string_view>

#include "common/base/result.h"
#include "common/httpd/web_config.h"
#include "common/playbook/heal_config.h"
#include "webhook/app.h"

namespace heal::webhook {

/// Whether `user` holds `role` by heal.yml's `users:`; where no users are named, everyone may do everything.
bool may_use(const playbook::HealConfig& config, std::string_view user, std::string_view role);

/// Whether heal.yml and web.config.yml together let in only who is meant to come in; kRefused when not.
Status check_access(const AppOptions& options, const playbook::HealConfig& config, const httpd::WebConfig& web);

}  // namespace heal::webhook
