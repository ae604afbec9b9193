#include "compose/demo_api/modes.h"

#include <fmt/format.h>

#include "common/wire/json.h"

namespace heal::demo {
namespace {

constexpr Duration kSlowest = 30s;
constexpr std::int64_t kMostMemoryMib = 1024;

Error out_of_range(std::string_view member, std::string_view expected) {
  return Error(ErrorCode::kInvalid, fmt::format("/{}: expected {}", member, expected));
}

Status read_slow(const Json& json, Modes& modes) {
  HEAL_TRY(const std::optional<std::string> text, get_optional_string(json, "slow"));
  if (!text) return {};
  const Result<Duration> slow = parse_duration(*text);
  if (!slow.has_value() || *slow < Duration{} || *slow > kSlowest) {
    return out_of_range("slow", "a duration from 0s to 30s, like \"500ms\"");
  }
  modes.slow = *slow;
  return {};
}

Status read_numbers(const Json& json, Modes& modes) {
  HEAL_TRY(const std::optional<double> errors, get_optional_double(json, "errors"));
  if (errors && !(*errors >= 0 && *errors <= 1)) return out_of_range("errors", "a share from 0 to 1");
  HEAL_TRY(const std::optional<std::int64_t> memory, get_optional_int(json, "memory_mib"));
  if (memory && (*memory < 0 || *memory > kMostMemoryMib)) {
    return out_of_range("memory_mib", "a whole number from 0 to 1024");
  }
  modes.errors = errors.value_or(modes.errors);
  modes.memory_mib = memory.value_or(modes.memory_mib);
  return {};
}

}  // namespace

std::string to_json(const Modes& modes) {
  return dump(Json{{"slow", format_duration(modes.slow)},
                   {"errors", modes.errors},
                   {"healthy", modes.healthy},
                   {"silent", modes.silent},
                   {"memory_mib", modes.memory_mib}});
}

Result<Modes> parse_modes(std::string_view text, const Modes& base) {
  HEAL_TRY(const Json json, parse_json(text));
  if (!json.is_object()) return Error(ErrorCode::kInvalid, "expected an object like {\"healthy\": false}");
  HEAL_TRY_STATUS(check_members(json, {"slow", "errors", "healthy", "silent", "memory_mib"}));
  Modes modes = base;
  HEAL_TRY_STATUS(read_slow(json, modes));
  HEAL_TRY_STATUS(read_numbers(json, modes));
  HEAL_TRY(const std::optional<bool> healthy, get_optional_bool(json, "healthy"));
  HEAL_TRY(const std::optional<bool> silent, get_optional_bool(json, "silent"));
  modes.healthy = healthy.value_or(modes.healthy);
  modes.silent = silent.value_or(modes.silent);
  return modes;
}

Modes ModeSwitch::get() const {
  MutexLock lock(mutex_);
  return modes_;
}

void ModeSwitch::set(const Modes& modes) {
  MutexLock lock(mutex_);
  modes_ = modes;
  ballast_ = std::string();
  ballast_.shrink_to_fit();
  ballast_.assign(static_cast<std::size_t>(modes.memory_mib) * 1024 * 1024, 'x');
}

bool ErrorShare::next(double share) {
  MutexLock lock(mutex_);
  owed_ += share;
  if (owed_ < 1) return false;
  owed_ -= 1;
  return true;
}

}  // namespace heal::demo
