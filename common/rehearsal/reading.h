#pragma once

// Shared by the readers of this folder; of no use outside of it.

#include <optional>
#include <string>

#include "common/config/decode.h"
#include "common/rehearsal/case.h"

namespace heal::rehearsal {

/// A text of its own kind, with what was expected in the message.
std::optional<TargetId> as_target(const config::Value& value);
std::optional<WallTime> as_wall_time(const config::Value& value);
std::optional<Labels> as_labels(const config::Value& value);

/// What happens: the one of the known keys that `map` has says which kind it is. `timeline` allows all, `answers` only
/// what servers, Prometheus and programs say. Does not finish `map`.
enum class Allowed { kEverything, kAnswers };
std::optional<Happening> read_happening(config::MapReader& map, Allowed allowed, const std::string& folder);

/// `world:`.
std::optional<WorldSetup> read_world(const config::Value& value);
/// `expect:`.
std::optional<Expectation> read_expectation(const config::Value& value);

}  // namespace heal::rehearsal
