#include "common/remedy/verify.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace heal::remedy {
namespace {

bool is_start(std::string_view kind) {
  constexpr std::array<std::string_view, 3> kStarts{"docker.start", "docker.restart", "docker.recreate"};
  return std::find(kStarts.begin(), kStarts.end(), kind) != kStarts.end();
}

/// Whether what the step changes may be whether the target's process runs.
bool may_end_process(std::string_view kind) {
  constexpr std::array<std::string_view, 9> kOthers{
      "notify.email",         "notify.webhook",     "haproxy.server",   "docker.update", "docker.unpause",
      "alertmanager.silence", "alertmanager.alert", "host.drop_caches", "http.request",
  };
  return std::find(kOthers.begin(), kOthers.end(), kind) == kOthers.end();
}

/// Whether the checks say themselves what is wanted of the target's container.
bool asks_of_target(const playbook::Verification& verification, const playbook::Plan& plan) {
  return std::any_of(verification.checks.begin(), verification.checks.end(), [&](const playbook::Check& check) {
    return check.kind == playbook::Check::Kind::kContainer && check.target == plan.target;
  });
}

/// What has become of the container that the steps started, when that is an end with an error or it is gone; "" for
/// anything else. An Error: the engine does not say.
Result<std::string> death_of(const VerifyOrder& order, const Tools& tools, Duration timeout,
                             const std::stop_token& stop) {
  const TargetId& target = order.plan.target;
  ContainerEngine* engine = order.world.engine(target.engine);
  if (engine == nullptr) return std::string();
  const auto info = engine->inspect(target.name, tools.clock.deadline_in(timeout), stop);
  if (!info.has_value()) {
    if (info.error().code() != ErrorCode::kNotFound) return info.error();
    return fmt::format("{} was started and does not exist any more", target.str());
  }
  if (!has_ended_badly(*info)) return std::string();
  return fmt::format("{} was started and has ended with exit code {} since", target.str(), info->exit_code);
}

/// Checks may look at something else than the container, which may have died by itself since the steps started it: what
/// an engine tells of a target while a heal has it in its hands is not evidence of its own. An engine that does not
/// answer says nothing against it; that it did not is kept.
void look_at_started(const VerifyOrder& order, const Tools& tools, Duration timeout, const std::stop_token& stop,
                     VerifyRound& round) {
  const auto death = death_of(order, tools, timeout, stop);
  if (!death.has_value()) {
    round.checks.emplace_back("started", CheckResult{Answer::kUnknown, death.error().str()});
  } else if (!death->empty()) {
    round.answer = Answer::kFail;
    round.message = *death;
    round.has_died = true;
    round.checks.emplace_back("started", CheckResult{Answer::kFail, *death});
  }
}

/// The end of a heal that has not helped, by whatever check.
VerifyRound with_death(VerifyRound round, const VerifyOrder& order, const Tools& tools, Duration timeout,
                       const std::stop_token& stop) {
  if (round.answer == Answer::kPass || round.has_died || !order.has_started_target) return round;
  const auto death = death_of(order, tools, timeout, stop);
  round.has_died = death.has_value() && !death->empty();
  return round;
}

/// Asks every check once.
VerifyRound verify_once(const playbook::Verification& verification, const VerifyOrder& order, const Tools& tools,
                        std::stop_token stop) {
  const CheckScope scope{order.world, tools, order.episodes ? order.episodes() : std::vector<Episode>(),
                         order.stepped_at};
  const bool is_all = verification.mode == playbook::Verification::Mode::kAll;
  // What decides beats what cannot be answered, which beats the rest.
  const Answer decisive = is_all ? Answer::kFail : Answer::kPass;
  VerifyRound round;
  round.answer = is_all ? Answer::kPass : Answer::kFail;
  for (const auto& check : verification.checks) {
    CheckResult result = ask(check, scope, tools.clock.deadline_in(verification.timeout), stop);
    const bool beats = result.answer == decisive ? round.answer != decisive
                                                 : result.answer == Answer::kUnknown && round.answer != decisive;
    if (beats || round.message.empty()) round.message = result.message;
    if (beats) round.answer = result.answer;
    round.checks.emplace_back(check.str(), std::move(result));
  }
  return round;
}

/// Whether more is asked than the checks.
bool looks_besides(const playbook::Verification& verification, const VerifyOrder& order) {
  return order.has_started_target && !asks_of_target(verification, order.plan);
}

}  // namespace

bool leaves_started(const playbook::Plan& plan) {
  if (plan.target.kind != "container") return false;
  bool is_started = false;
  for (const auto& step : plan.steps) {
    if (step.effect != playbook::Effect::kChanges) continue;
    const bool is_elsewhere = step.kind.starts_with("docker.") && step.target.value_or(plan.target) != plan.target;
    if (is_elsewhere) continue;
    if (is_start(step.kind)) {
      is_started |= step.when.empty();
    } else if (may_end_process(step.kind)) {
      is_started = false;
    }
  }
  return is_started;
}

bool has_ended_badly(const ContainerInfo& info) {
  return info.exit_code != 0 && (info.status == "exited" || info.status == "dead" || info.status == "restarting");
}

std::optional<playbook::Verification> verification_of(const playbook::Plan& plan) {
  if (plan.verify) return plan.verify;
  if (plan.target.kind != "container") return std::nullopt;
  playbook::Check running;
  running.kind = playbook::Check::Kind::kContainer;
  running.state = "running";
  running.target = plan.target;
  playbook::Verification verification;
  verification.checks = {running};
  return verification;
}

VerifyRound verify_plan_once(const playbook::Verification& verification, const VerifyOrder& order, const Tools& tools,
                             const std::stop_token& stop) {
  VerifyRound round = verify_once(verification, order, tools, stop);
  if (looks_besides(verification, order) && round.answer != Answer::kFail)
    look_at_started(order, tools, verification.timeout, stop, round);
  return round;
}

std::optional<VerifyRound> verify(const VerifyOrder& order, const Tools& tools,
                                  const std::function<void(const VerifyRound&)>& on_change, std::stop_token stop) {
  const auto verification = verification_of(order.plan);
  if (!verification) return VerifyRound{Answer::kUnknown, "there is nothing to verify by", {}};
  return verify_by(*verification, order, tools, on_change, std::move(stop));
}

std::optional<VerifyRound> verify_by(const playbook::Verification& verification, const VerifyOrder& order,
                                     const Tools& tools, const std::function<void(const VerifyRound&)>& on_change,
                                     std::stop_token stop) {
  const Deadline end = tools.clock.deadline_in(verification.within);
  const bool looks = looks_besides(verification, order);
  std::optional<Answer> before;
  std::uint32_t good = 0;
  for (;;) {
    VerifyRound round = verify_once(verification, order, tools, stop);
    // Looking besides takes nothing of the checks' time: it is done between two rounds, and as long as it takes before
    // the heal counts as proven.
    const SteadyTime next = tools.clock.steady_now() + verification.interval;
    const bool is_proof = round.answer == Answer::kPass && good + 1 >= verification.consecutive;
    const Duration timeout = is_proof ? verification.timeout : std::min(verification.timeout, verification.interval);
    if (looks && round.answer != Answer::kFail) look_at_started(order, tools, timeout, stop, round);
    if (stop.stop_requested()) return std::nullopt;
    if (before != round.answer && on_change) on_change(round);
    before = round.answer;
    good = round.answer == Answer::kPass ? good + 1 : 0;
    if (good >= verification.consecutive) return round;
    if (next > end) {
      if (round.answer == Answer::kPass) {
        round.answer = Answer::kFail;
        round.message = fmt::format("good only {} time(s) in a row within {}, {} wanted: {}", good,
                                    format_duration(verification.within), verification.consecutive, round.message);
      }
      return with_death(std::move(round), order, tools, verification.timeout, stop);
    }
    if (tools.clock.sleep_until(next, stop) == Clock::Wake::kStopped) return std::nullopt;
  }
}

std::optional<VerifyRound> still_healthy(const VerifyOrder& order, const Tools& tools, std::stop_token stop) {
  const auto verification = verification_of(order.plan);
  if (!verification) return VerifyRound{Answer::kUnknown, "there is nothing to verify by", {}};
  VerifyRound round;
  for (std::uint32_t i = 0; i < std::max(1U, verification->consecutive); ++i) {
    if (i > 0 && tools.clock.sleep_for(verification->interval, stop) == Clock::Wake::kStopped) return std::nullopt;
    round = verify_plan_once(*verification, order, tools, stop);
    if (stop.stop_requested()) return std::nullopt;
    if (round.answer == Answer::kPass) return round;
  }
  return with_death(std::move(round), order, tools, verification->timeout, stop);
}

}  // namespace heal::remedy
