#pragma once

// Shared by the readers of heal.yml and of playbook files; of no use outside of this folder.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/decode.h"
#include "common/playbook/check.h"
#include "common/playbook/condition.h"
#include "common/playbook/playbook.h"
#include "common/playbook/step.h"
#include "common/playbook/text_template.h"
#include "common/playbook/values.h"

namespace heal::playbook {

/// What a template or a condition may refer to at some place of a file.
struct References {
  std::vector<std::string> roots;                                 ///< of labels, annotations, params, target
  const std::vector<ParamSpec>* params = nullptr;                 ///< the declared ones, when params is a root
  const std::map<std::string, const StepKind*>* steps = nullptr;  ///< earlier steps; conditions only
};

/// Reports when `path`, which stands at byte `offset` of `value`, names nothing that exists there.
void check_reference(const config::Value& value, std::size_t offset, std::string_view path,
                     const References& references);

/// A text that may hold places; every reference is checked.
std::optional<Template> read_template(const config::Value& value, const References& references);

/// A list of conditions.
std::vector<Condition> read_conditions(const config::Value& value, const References& references);

/// Whether `is: failing` may be asked for: before acting, never as proof.
enum class AllowFailing { kYes, kNo };

/// `{check: http, url: …}`, `{container: running}`, `{alert: resolved}`.
std::optional<CheckSpec> read_check(const config::Value& value, const References& references, AllowFailing failing);
std::vector<CheckSpec> read_checks(const config::Value& value, const References& references, AllowFailing failing);
/// A record type that a dns check may ask for: A, AAAA, CNAME, MX, NS, PTR, SRV, TXT.
std::optional<std::string> as_record_type(const config::Value& value);
/// The part of a check of `kind` that stands under a `wait.*` key, read from `map`, which stays to be finished.
CheckSpec read_wait_check(config::MapReader& map, Check::Kind kind, const References& references);

std::optional<VerificationSpec> read_verification(const config::Value& value, const References& references);

/// Reads `approval`, `on_failure`, `escalate` and `on_resolved` of a playbook whose params and verification are known.
void read_aftermath(config::MapReader& map, const References& references, Playbook& out);

/// Reads `params:`.
std::vector<ParamSpec> read_params(const config::Value& value);

/// Reads `version:`, which must be 1.
void read_version(config::MapReader& map);

/// True for `[a-z0-9][a-z0-9_-]*` up to 64 bytes: names of playbooks, steps, params, engines.
bool is_identifier(std::string_view text);
/// A decoder for these.
std::optional<std::string> as_identifier(const config::Value& value);

}  // namespace heal::playbook
