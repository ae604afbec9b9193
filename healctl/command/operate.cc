#include <utility>

#include <fmt/format.h>

#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "healctl/command/arguments.h"
#include "healctl/command/command.h"
#include "healctl/output/text.h"
#include "healctl/service/follow.h"

namespace heal::ctl {
namespace {

struct VerbWords {
  const char* verb;
  const char* summary;
  const char* details;
  const char* done;
  bool (*is_possible)(IncidentState state);
};
bool is_asked(IncidentState state) {
  return state == IncidentState::kAwaitingApproval;
}
bool is_open(IncidentState state) {
  return !is_terminal(state);
}
bool may_be_retried(IncidentState state) {
  return state == IncidentState::kFailed || state == IncidentState::kInterrupted ||
         state == IncidentState::kSuppressed || state == IncidentState::kCancelled;
}

constexpr VerbWords kApprove{
    "approve", "Agree to what an incident's playbook would do; the guards are asked again first.",
    "It agrees to the plan that \"incidents show\" tells, or to --plan only: another plan is refused.", "approved",
    is_asked};
constexpr VerbWords kReject{"reject", "Refuse what an incident's playbook would do.", "", "rejected", is_asked};
constexpr VerbWords kCancel{"cancel", "End an incident: at once, or at the next safe point while its steps run.",
                            "What its steps did is undone as the playbook says.", "cancelled", is_open};
constexpr VerbWords kRetry{"retry",
                           "Try again what failed, was interrupted, suppressed or cancelled, under the same guards.",
                           "A new incident begins; the old one names it.", "tried again", may_be_retried};

/// approve, reject, cancel and retry: one request about one incident.
class Operate final : public Command {
 public:
  explicit Operate(const VerbWords& words) : words_(words) {}

  CommandSpec spec() override {
    CommandSpec spec{
        .path = {words_.verb},
        .summary = words_.summary,
        .details = words_.details,
        .arguments =
            {{.names = "ID", .help = "as \"incidents list\" shows it", .occurs = Occurs::kRequired, .set = into(id_)}},
        .options = {{.names = "--reason", .value = "TEXT", .help = "why, for the record", .set = into(reason_)},
                    {.names = "--dry-run",
                     .help = "only show whether it would be accepted; the service may still see it otherwise",
                     .set = into(dry_run_)},
                    {.names = "--wait", .help = "stay until it is over (--timeout, default 10m)", .set = into(wait_)}},
        .examples = {fmt::format("healctl {} 01J8ZQ4T9M5V6W7X8Y9ZABCDEF --reason \"seen by hand\"", words_.verb)}};
    if (is_approval())
      spec.options.push_back(
          {.names = "--plan", .value = "HASH", .help = "agree to this plan only", .set = into(plan_)});
    return spec;
  }

  Exit run(Context& context) override {
    if (dry_run_) return show_what_would_be(context);
    Json request{{"by", asker(context)}, {"reason", reason_}};
    if (is_approval()) {
      if (plan_.empty()) {
        const auto story = fetch_story(context.service(), id_);
        if (!story) return context.fail(story.error());
        plan_ = story->incident.plan_hash;
      }
      request["plan_hash"] = plan_;
    }
    const auto path = fmt::format("/incidents/{}/{}", percent_encode(id_), words_.verb);
    const auto answer = context.service().post(path, request);
    if (!answer) return context.fail(answer.error(), Purpose::kChange);
    const Json* document = find_member(*answer, "incident");
    auto incident = document == nullptr ? Result<Incident>(make_error(ErrorCode::kProtocol, "there is no incident"))
                                        : incident_from_json(*document);
    if (!incident)
      return context.fail(make_error(ErrorCode::kProtocol, "POST {}: {}", path, incident.error().message()),
                          Purpose::kChange);
    if (wait_) return wait_for(context, incident->id);
    if (!context.wants_table()) {
      context.print_document(*answer);
      return Exit::kDone;
    }
    context.print(fmt::format("{}  {}  {}\n", safe_text(incident->id),
                              toned(to_string(incident->state), tone_of(incident->state), context.colour()),
                              safe_text(incident->message)));
    return Exit::kDone;
  }

 private:
  bool is_approval() const { return &words_ == &kApprove; }

  Exit show_what_would_be(Context& context) const {
    const auto story = fetch_story(context.service(), id_);
    if (!story) return context.fail(story.error());
    const Incident& incident = story->incident;
    const bool is_other_plan = is_approval() && !plan_.empty() && plan_ != incident.plan_hash;
    const bool is_possible = words_.is_possible(incident.state) && !is_other_plan;
    if (!context.wants_table()) {
      context.print_document(Json{{"would", is_possible}, {"incident", to_json(incident)}});
    } else {
      const std::string what = fmt::format("would {}be {}", is_possible ? "" : "not ", words_.done);
      context.print(fmt::format("{}: {}  {}  {}{}\n",
                                toned(what, is_possible ? Tone::kGood : Tone::kWarning, context.colour()),
                                safe_text(incident.id), to_string(incident.state), safe_text(incident.message),
                                is_other_plan ? fmt::format(" (of plan {})", safe_text(incident.plan_hash)) : ""));
    }
    return is_possible ? Exit::kDone : Exit::kRefused;
  }

  /// What was asked for is done: an end that would be a failure of a heal.
  bool is_wanted_end(const Incident& incident) const {
    if (&words_ == &kReject) return incident.state == IncidentState::kSuppressed && incident.reason == "rejected";
    return &words_ == &kCancel &&
           (incident.state == IncidentState::kCancelled || incident.state == IncidentState::kClosed);
  }

  std::optional<Exit> exit_after(const Incident& incident) const {
    if (is_wanted_end(incident)) return Exit::kDone;
    // Approved but not yet decided is still "waiting", though not for this user.
    return incident.state == IncidentState::kAwaitingApproval ? std::nullopt : exit_of(incident);
  }

  Exit wait_for(Context& context, const std::string& id) const {
    const auto deadline = context.clock().deadline_in(context.settings().timeout.value_or(kWaitTimeout));
    auto awaited =
        await_incident(context, id, deadline, [this](const Incident& incident) { return exit_after(incident); });
    if (!awaited.story) return awaited.exit;
    const auto& incident = awaited.story->incident;
    if (incident.state == IncidentState::kAwaitingApproval) return Exit::kWaiting;
    if (!context.wants_table()) {
      context.print_document(awaited.story->document);
    } else {
      context.print(fmt::format("{}  {}  {}\n", safe_text(incident.id),
                                toned(to_string(incident.state), tone_of(incident.state), context.colour()),
                                safe_text(incident.message)));
    }
    return awaited.exit;
  }

  const VerbWords& words_;
  std::string id_, reason_, plan_;
  bool wait_ = false, dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_approve() {
  return std::make_unique<Operate>(kApprove);
}
std::unique_ptr<Command> make_reject() {
  return std::make_unique<Operate>(kReject);
}
std::unique_ptr<Command> make_cancel() {
  return std::make_unique<Operate>(kCancel);
}
std::unique_ptr<Command> make_retry() {
  return std::make_unique<Operate>(kRetry);
}

}  // namespace heal::ctl
