#include "common/playbook/check.h"

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/base/url.h"
#include "common/config/decode.h"

namespace heal::playbook {

Result<HealthCheck> parse_health_check(std::string_view text) {
  constexpr std::string_view kTcp = "tcp://";
  if (text.substr(0, kTcp.size()) == kTcp) {
    const auto address = text.substr(kTcp.size());
    if (config::is_host_port(address)) return HealthCheck{HealthCheck::Kind::kTcp, std::string(address)};
    return make_error(ErrorCode::kInvalid, "\"{}\" is not tcp://host:port", printable(text, 80));
  }
  if (const auto problem = config::http_url_problem(text))
    return make_error(ErrorCode::kInvalid,
                      "not a health check that can be used (expected an http URL or "
                      "tcp://host:port): {}",
                      *problem);
  return HealthCheck{HealthCheck::Kind::kHttp, std::string(text)};
}

std::string HealthCheck::shown() const {
  return kind == Kind::kTcp ? str() : public_url(address);
}

std::string_view to_string(Comparison comparison) {
  switch (comparison) {
    case Comparison::kEqual:
      return "==";
    case Comparison::kNotEqual:
      return "!=";
    case Comparison::kGreater:
      return ">";
    case Comparison::kGreaterEqual:
      return ">=";
    case Comparison::kLess:
      return "<";
    case Comparison::kLessEqual:
      return "<=";
  }
  return "==";
}

bool compare(double value, Comparison comparison, double bound) {
  switch (comparison) {
    case Comparison::kEqual:
      return value == bound;
    case Comparison::kNotEqual:
      return value == value && value != bound;  // NaN satisfies nothing
    case Comparison::kGreater:
      return value > bound;
    case Comparison::kGreaterEqual:
      return value >= bound;
    case Comparison::kLess:
      return value < bound;
    case Comparison::kLessEqual:
      return value <= bound;
  }
  return false;
}

std::string_view to_string(Check::Kind kind) {
  switch (kind) {
    case Check::Kind::kHealth:
      return "health";
    case Check::Kind::kHttp:
      return "http";
    case Check::Kind::kTcp:
      return "tcp";
    case Check::Kind::kDns:
      return "dns";
    case Check::Kind::kPromql:
      return "promql";
    case Check::Kind::kContainer:
      return "container";
    case Check::Kind::kAlert:
      return "alert";
  }
  return "health";
}

std::string Check::str() const {
  const char* suffix = wanted == Wanted::kFailing ? " is failing" : "";
  const auto of = target ? fmt::format(" of {}", target->str()) : std::string();
  switch (kind) {
    case Kind::kHealth:
      return fmt::format("health{}{}{}", of, health ? fmt::format(" ({})", health->shown()) : "", suffix);
    case Kind::kHttp: {
      auto out = fmt::format("http {}", public_url(address));
      if (!status.empty()) out += fmt::format(" answers {}", fmt::join(status, " or "));
      if (body) out += fmt::format(" with a body like \"{}\"", body->pattern());
      return out + suffix;
    }
    case Kind::kTcp:
      return fmt::format("tcp {}{}", address, suffix);
    case Kind::kDns: {
      auto out = fmt::format("dns {} of {}", record_type, address);
      if (!server.empty()) out += " at " + server;
      if (answer) out += fmt::format(" is like \"{}\"", answer->pattern());
      return out + suffix;
    }
    case Kind::kPromql:
      return fmt::format("promql {} {} {}", address, to_string(comparison), bound);
    case Kind::kContainer:
      return fmt::format("container{} is {}", target ? " " + target->str() : "", state);
    case Kind::kAlert:
      return fmt::format("alert is {}", state);
  }
  return {};
}

}  // namespace heal::playbook
