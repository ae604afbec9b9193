#pragma once

#include "common/httpd/message.h"
#include "common/httpd/responder.h"
#include "common/remedy/source/delivery.h"
#include "webhook/intake_routes.h"

namespace heal::webhook {

/// Counts, logs and quarantines a request that could not be read (kInvalid), and gives its answer; other errors are
/// ours, and only answered.
httpd::HttpResponse refuse(const IntakeTools& tools, std::string_view source, const httpd::HttpRequest& request,
                           const Error& error);

/// Hands a delivery to the pipeline and answers when it is durable, or refused. What of it was rejected or ignored is
/// counted, logged and (rejected) quarantined.
void take(const IntakeTools& tools, const httpd::HttpRequest& request, remedy::Delivery delivery,
          httpd::Responder responder);

}  // namespace heal::webhook
