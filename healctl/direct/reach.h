#pragma once

#include <optional>
#include <string>
#include <vector>

#include "healctl/cli/spec.h"
#include "healctl/context.h"

namespace heal::ctl {

/// `--direct` and what goes with it, as given.
struct DirectOptions {
  bool direct = false;
  std::string state_dir, docker_host, helper_image, alertmanager;
};

/// The options of a command that can do without the service: `own`, then those of `options`.
std::vector<OptionSpec> with_direct(std::vector<OptionSpec> own, DirectOptions& options);

/// Whether the keeper must work with exactly what this command would: a fault must not land elsewhere.
enum class Binds { kAll, kGiven };

/// Without --direct: nothing. With it context.service() is from now on the keeper of the faults folder, which is begun
/// when none lives. Otherwise the complaint has been made, and this is the exit code.
std::optional<Exit> reach_keeper(Context& context, const DirectOptions& options, Binds binds);

}  // namespace heal::ctl
