#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/diagnostics.h"
#include "common/playbook/check.h"
#include "common/playbook/guards.h"
#include "common/playbook/step.h"
#include "common/playbook/values.h"

namespace heal::playbook {

/// How far a playbook may go by itself.
enum class Mode {
  kShadow,   ///< plan and record what would be done; never act
  kApprove,  ///< plan, ask all guards, and wait for a human
  kAuto,
};
std::string_view to_string(Mode mode);

/// What happens to the steps that ran when a later one fails or verification says that it did not help.
enum class OnFailure {
  kUndo,  ///< those that declare an undo are undone, the last first
  kKeep,  ///< everything stays as it is
};
std::string_view to_string(OnFailure on_failure);

/// Who must agree, and for how long the plan may wait for it.
struct ApprovalSettings {
  Duration ttl = 15min;
  std::uint32_t approvers = 1;  ///< different users

  bool operator==(const ApprovalSettings&) const = default;
};

/// What is done once every alert of a verified heal has resolved.
struct ResolvedSpec {
  std::vector<CheckSpec> checks;  ///< all must pass first; empty: verify's
  Duration within = 5min;         ///< they may take this long; then a human is asked, and the steps are not run
  std::vector<StepSpec> steps;

  bool operator==(const ResolvedSpec&) const = default;
};

/// The rung of a ladder that is no playbook: a human is called.
inline constexpr std::string_view kPageRung = "page";

/// One playbook file, checked. Immutable after reading.
struct Playbook {
  std::string name;
  std::string summary;
  Mode mode = Mode::kShadow;
  std::vector<ParamSpec> params;
  GuardSettings guards;  ///< heal.yml's defaults with this file's changes
  std::vector<CheckSpec> before;
  std::vector<StepSpec> steps;  ///< never empty
  std::optional<VerificationSpec> verify;
  Duration stay_healthy = 30s;  ///< how long it must stay healthy before the incident is closed
  OnFailure on_failure = OnFailure::kUndo;
  ApprovalSettings approval;
  std::vector<std::string> escalate;  ///< names of playbooks, tried in order when this one fails; kPageRung last
  std::optional<ResolvedSpec> on_resolved;
  std::string text;      ///< of the file: what runs keeps the version that it began with
  std::string file;      ///< where it was read
  SourceSpan name_span;  ///< where its name stands

  bool operator==(const Playbook&) const = default;
};

/// The kinds of all steps that it can come to run: its own, their undos, and those of `on_resolved`. The rungs of its
/// ladder are playbooks of their own.
std::set<std::string> step_kinds_of(const Playbook& playbook);

/// Reads the text of one playbook file; `defaults` are heal.yml's `defaults.guards`. Everything wrong goes to
/// `diagnostics`; nullopt when there was an error.
std::optional<Playbook> parse_playbook(const std::string& text, const std::string& file, const GuardSettings& defaults,
                                       config::Diagnostics& diagnostics);

}  // namespace heal::playbook
