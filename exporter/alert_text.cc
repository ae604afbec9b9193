#include "exporter/alert_text.h"

#include <algorithm>

#include "common/base/text.h"

namespace heal::exporter {
namespace {

constexpr std::string_view kLabels = "labels.";
constexpr std::size_t kMostValueBytes = 1024;

/// Facts that one series has for good, and those that each run tells anew.
const std::vector<std::string>& fixed_facts() {
  static const std::vector<std::string> kNames{"probe", "module", "target"};
  return kNames;
}
const std::vector<std::string>& varying_facts() {
  static const std::vector<std::string> kNames{"phase", "reason", "message", "failures"};
  return kNames;
}

bool is_one_of(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Status check_path(std::string_view path) {
  if (path.starts_with(kLabels) && is_label_name(path.substr(kLabels.size()))) return {};
  if (is_one_of(fixed_facts(), path) || is_one_of(varying_facts(), path)) return {};
  std::vector<std::string> known = fixed_facts();
  known.insert(known.end(), varying_facts().begin(), varying_facts().end());
  const auto near = closest_match(path, known);
  return make_error(ErrorCode::kInvalid, "\"{}\" is nothing that can be told{}", printable(path, 60),
                    near ? fmt::format(" (did you mean \"{}\"?)", *near)
                         : " (expected probe, module, target, labels.NAME, phase, reason, message or failures)");
}

std::string_view fact(const AlertFacts& facts, std::string_view path) {
  if (path.starts_with(kLabels)) return label_value(facts.labels, path.substr(kLabels.size()));
  if (path == "phase") return facts.phase;
  if (path == "reason") return facts.reason;
  if (path == "message") return facts.message;
  if (path == "failures") return facts.failures;
  return label_value(facts.labels, path);
}

}  // namespace

Result<AlertText> AlertText::parse(std::string_view text, std::size_t* offset) {
  const auto note = [&](std::size_t at) {
    if (offset != nullptr) *offset = at;
  };
  AlertText out;
  out.text_ = text;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = text.find("{{", at);
    if (open != at) out.parts_.push_back({std::string(text.substr(at, open - at)), false});
    if (open == std::string_view::npos) break;
    note(open);
    const std::size_t close = text.find("}}", open);
    if (close == std::string_view::npos)
      return make_error(ErrorCode::kInvalid, "\"{{{{\" is never closed with \"}}}}\"");
    std::string_view path = trim(text.substr(open + 2, close - open - 2));
    if (path.starts_with('$')) path.remove_prefix(1);
    HEAL_TRY_STATUS(check_path(path));
    out.parts_.push_back({std::string(path), true});
    at = close + 2;
  }
  return out;
}

std::string AlertText::expand(const AlertFacts& facts) const {
  std::string out;
  for (const Part& part : parts_)
    out += part.is_path ? printable(to_valid_utf8(fact(facts, part.text)), kMostValueBytes) : part.text;
  return out;
}

bool AlertText::varies() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.is_path && is_one_of(varying_facts(), part.text); });
}

}  // namespace heal::exporter
