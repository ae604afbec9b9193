#include <utility>

#include <fmt/format.h>

#include "common/remedy/coordinator.h"

// What people say against acting, and take back.

namespace heal::remedy {

template <typename T>
void Coordinator::change(std::function<Result<T>()> apply, std::function<void(Result<T>)> done) {
  if (!is_accepting_.load()) return done(make_error(ErrorCode::kUnavailable, "the service is stopping"));
  auto out = std::make_shared<Result<T>>(T());
  Message message;
  message.apply = [out, apply = std::move(apply)]() -> Status {
    *out = apply();
    if (!out->has_value()) return out->error();
    return {};
  };
  message.done = [out, done](const Status& status) {
    if (!status.has_value()) return done(status.error());
    done(std::move(*out));
  };
  if (inbox_.try_push(std::move(message))) return;
  done(make_error(ErrorCode::kUnavailable, "too many requests are waiting"));
}

void Coordinator::pause(Pause pause, std::function<void(Result<Pause>)> done) {
  change<Pause>([this, pause = std::move(pause)] { return add_pause(ledger_, pause); }, std::move(done));
}

void Coordinator::end_pause(std::string name, std::string by, std::function<void(Result<Pause>)> done) {
  change<Pause>([this, name = std::move(name), by = std::move(by)] { return remedy::end_pause(ledger_, name, by); },
                std::move(done));
}

void Coordinator::set_lever(LeverMove move, std::string by, std::string reason,
                            std::function<void(Result<Lever>)> done) {
  change<Lever>(
      [this, move, by = std::move(by), reason = std::move(reason)]() -> Result<Lever> {
        return remedy::set_lever(ledger_, move, by, reason);
      },
      std::move(done));
}

void Coordinator::reset_breakers(BreakerChoice choice, std::string by, std::string reason,
                                 std::function<void(Result<std::vector<Breaker>>)> done) {
  change<std::vector<Breaker>>(
      [this, choice = std::move(choice), by = std::move(by), reason = std::move(reason)] {
        return remedy::reset_breakers(ledger_, choice, by, reason);
      },
      std::move(done));
}

std::optional<std::string> Coordinator::lever_objection() const {
  return objection_of(ledger_.published_controls()->lever);
}

std::optional<std::string> Coordinator::objection_of(const Lever& lever) const {
  if (lever.is_engaged)
    return fmt::format("{} engaged the emergency lever{}", lever.by, lever.reason.empty() ? "" : ": " + lever.reason);
  const auto world = world_.get();
  const auto& config = world->bundle.config;
  const LeverFile file = read_lever_file(config.safety.lever.file, config.file);
  if (file.is_run) return std::nullopt;
  return fmt::format("the emergency lever's file {} {}", file.path, file.message);
}

}  // namespace heal::remedy
