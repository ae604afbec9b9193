#include "common/probe/run.h"

#include "common/base/text.h"

namespace heal::probe {
namespace {

std::string logfmt_value(std::string_view value) {
  const std::string safe = printable(value, 4096);
  if (!safe.empty() && safe.find_first_of(" =\"") == std::string::npos) return safe;
  std::string quoted = "\"";
  for (const char c : safe) {
    if (c == '"') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace

RunLog::RunLog(Clock& clock, const ProbeRequest& request)
    : clock_(clock),
      common_(fmt::format("module={} target={}", logfmt_value(request.module->name),
                          logfmt_value(shown_target(request.target)))) {}

void RunLog::failure(const ProbeFailure& failure) {
  error(failure.message,
        {{"phase", std::string(to_string(failure.phase))}, {"reason", std::string(to_string(failure.reason))}});
}

void RunLog::add(std::string_view level, std::string_view message, const Fields& fields) {
  std::string line = fmt::format("ts={} {} level={} msg=\"{}\"", format_rfc3339(clock_.now()), common_, level, message);
  for (const auto& [key, value] : fields)
    line.append(" ").append(key).append("=").append(logfmt_value(value));
  lines_.push_back(std::move(line));
}

std::string shown_target(std::string_view target) {
  const std::size_t scheme = target.find("://");
  const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::string_view authority = target.substr(begin, target.find_first_of("/?#", begin) - begin);
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return std::string(target);
  return std::string(target.substr(0, begin)).append("***").append(target.substr(begin + at));
}

ProbeFailure aborted(ProbePhase phase, ProbeReason reason, const TlsTurn& turn) {
  if (reason != ProbeReason::kTimeout) return {phase, reason, "stopped"};
  if (!turn.is_waiting) return {phase, reason, "the deadline passed"};
  return {ProbePhase::kTls, ProbeReason::kBusy,
          "the deadline passed before its TLS handshake could begin: too many others were in flight"};
}

Result<std::optional<IpAddress>> source_address(const std::string& text) {
  if (text.empty()) return std::optional<IpAddress>();
  std::optional<IpAddress> address = IpAddress::parse(text);
  if (!address) return make_error(ErrorCode::kInvalid, "source_ip_address \"{}\" is not an address", printable(text));
  return address;
}

SampleFamily gauge_family(std::string name, std::string help, double value) {
  return {std::move(name), std::move(help), {Sample{{}, value}}};
}

}  // namespace heal::probe
