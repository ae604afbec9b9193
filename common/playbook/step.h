#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/source_span.h"
#include "common/base/time.h"
#include "common/config/decode.h"
#include "common/playbook/check.h"
#include "common/playbook/condition.h"
#include "common/playbook/values.h"

namespace heal::playbook {

/// What to do about a step that was begun and has no outcome after a crash.
enum class OnUnknown {
  kProbe,  ///< ask the world: run the playbook's verification, go on when it passes, otherwise a human must look
  kRerun,  ///< run it again; idempotent kinds only
  kUndo,   ///< undo it and what was done before it; only for steps that have an undo
  kHalt,   ///< a human must look
};
std::string_view to_string(OnUnknown on_unknown);

enum class Idempotence { kIdempotent, kNotIdempotent };
/// kChanges: the step may change the world; kReads: it only looks.
enum class Effect { kReads, kChanges };

/// How an argument is written and what it becomes in the plan.
enum class ArgumentShape {
  kScalar,       ///< one value of TypeSpec → text (string, host_port, url, target, container_name), number, flag, …
  kTextList,     ///< list of templates → texts, each template exactly one element
  kIntegerList,  ///< list of whole numbers, or one
  kTextMap,      ///< name → template
  kJsonText,     ///< JSON as text; a place must stand inside of a string, and its value stays in there
};

struct ArgumentSpec {
  std::string name;
  ArgumentShape shape = ArgumentShape::kScalar;
  TypeSpec type;                               ///< of the value, of each element, of each map value
  std::optional<std::string> default_value{};  ///< scalars, as it would be written
  enum class Need { kOptional, kRequired } need = Need::kOptional;
};

struct HealConfig;
struct PlannedStep;

/// Everything the planner knows about a kind of step. What a kind *does* lives in remedy/action/, one file per kind.
struct StepKind {
  std::string name;  ///< as written: "docker.restart"
  Idempotence idempotence = Idempotence::kNotIdempotent;
  Effect effect = Effect::kChanges;
  OnUnknown on_unknown = OnUnknown::kHalt;  ///< when the step does not say
  Duration timeout = 30s;                   ///< when the step does not say
  std::vector<std::string> target_kinds;    ///< kinds of target it can act on; empty: it has no use for one
  /// What is written under the kind's key: a map of arguments, a check with arguments (`wait.*`), or conditions
  /// (`assert`).
  enum class Body { kArguments, kCheck, kConditions } body = Body::kArguments;
  std::vector<ArgumentSpec> arguments;
  std::vector<std::string> outputs;  ///< names that conditions may ask for as steps.<name>.<output>
  /// The kind that takes back what this one does (`undo: inverse`), with the arguments that both have. Its own name:
  /// the action itself restores what it found (ActionKind::restore). "": there is none.
  std::string inverse{};
  /// What heal.yml must allow, and what arguments must be to each other; may complete them. Asked when a plan is made:
  /// kRefused or kInvalid, then there is none. nullptr: everything is allowed.
  Status (*rule)(const HealConfig& config, PlannedStep& step) = nullptr;
};

/// The registry, in a fixed order.
const std::vector<StepKind>& step_kinds();
/// nullptr when there is none.
const StepKind* find_step_kind(std::string_view name);

struct Retry {
  std::uint32_t attempts = 1;  ///< in all, the first one included
  Duration backoff = 1s;       ///< before the second; doubles each time, up to five minutes (or itself, when longer)
  bool operator==(const Retry&) const = default;

  /// How long to wait after try `number` (from 1).
  Duration pause_after(std::size_t number) const {
    const Duration most = std::max<Duration>(backoff, 5min);
    Duration pause = backoff;
    for (std::size_t i = 1; i < number && pause < most; ++i)
      pause *= 2;
    return std::min(pause, most);
  }
};

/// An argument as written in a playbook.
using ArgumentTemplate = std::variant<Template, std::vector<Template>, std::vector<std::int64_t>,
                                      std::vector<std::pair<std::string, Template>>>;

/// A step as written in a playbook.
struct StepSpec {
  std::string name;
  std::string kind;
  std::map<std::string, ArgumentTemplate, std::less<>> arguments;
  std::vector<Condition> when;
  std::vector<Condition> that;        ///< kind `assert`: what must hold
  std::optional<CheckSpec> wait_for;  ///< kinds `wait.*`: what must come true before the timeout
  Template target;                    ///< empty: the incident's target
  Duration timeout{};
  Retry retry;
  OnUnknown on_unknown = OnUnknown::kHalt;
  std::vector<StepSpec> undo;  ///< one, or none
  bool restores = false;       ///< this is an undo in which the kind restores what it found
  SourceSpan span;

  bool operator==(const StepSpec&) const = default;
};

/// Reads `steps:` (and `on_resolved`'s). Unknown kinds, arguments, references and names used twice are reported.
std::vector<StepSpec> read_steps(const config::Value& value, const std::vector<ParamSpec>& params);

}  // namespace heal::playbook
