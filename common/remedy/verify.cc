#include "common/remedy/verify.h"

#include <utility>

#include <fmt/format.h>

namespace heal::remedy {

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
  std::optional<Answer> before;
  std::uint32_t good = 0;
  for (;;) {
    VerifyRound round = verify_once(verification, order, tools, stop);
    if (stop.stop_requested()) return std::nullopt;
    if (before != round.answer && on_change) on_change(round);
    before = round.answer;
    good = round.answer == Answer::kPass ? good + 1 : 0;
    if (good >= verification.consecutive) return round;
    if (tools.clock.steady_now() + verification.interval > end) {
      if (round.answer != Answer::kPass) return round;
      round.answer = Answer::kFail;
      round.message = fmt::format("good only {} time(s) in a row within {}, {} wanted: {}", good,
                                  format_duration(verification.within), verification.consecutive, round.message);
      return round;
    }
    if (tools.clock.sleep_for(verification.interval, stop) == Clock::Wake::kStopped) return std::nullopt;
  }
}

std::optional<VerifyRound> still_healthy(const VerifyOrder& order, const Tools& tools, std::stop_token stop) {
  const auto verification = verification_of(order.plan);
  if (!verification) return VerifyRound{Answer::kUnknown, "there is nothing to verify by", {}};
  VerifyRound round;
  for (std::uint32_t i = 0; i < std::max(1U, verification->consecutive); ++i) {
    if (i > 0 && tools.clock.sleep_for(verification->interval, stop) == Clock::Wake::kStopped) return std::nullopt;
    round = verify_once(*verification, order, tools, stop);
    if (stop.stop_requested()) return std::nullopt;
    if (round.answer == Answer::kPass) return round;
  }
  return round;
}

}  // namespace heal::remedy
