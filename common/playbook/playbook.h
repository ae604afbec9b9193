#pragma once

#include <memory>
#include <optional>
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
  kApprove,  ///< wait for a human; not available yet: a file that says so is refused
  kAuto,
};
std::string_view to_string(Mode mode);

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
  std::string file;             ///< where it was read
  SourceSpan name_span;         ///< where its name stands

  bool operator==(const Playbook&) const = default;
};

/// Reads the text of one playbook file; `defaults` are heal.yml's `defaults.guards`. Everything wrong goes to
/// `diagnostics`; nullopt when there was an error.
std::optional<Playbook> parse_playbook(const std::string& text, const std::string& file, const GuardSettings& defaults,
                                       config::Diagnostics& diagnostics);

}  // namespace heal::playbook
