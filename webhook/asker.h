#pragma once

#include <string>

#include "common/httpd/message.h"

namespace heal::webhook {

/// Who asks, for the journal: the authenticated user, with what the request claims in brackets; the claim alone where
/// nobody has to authenticate.
std::string asker(const httpd::HttpRequest& request, const std::string& claimed);

}  // namespace heal::webhook
