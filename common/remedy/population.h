#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "common/remedy/check.h"

namespace heal::remedy {

/// One member of a group and how it is: kUnknown counts as unhealthy.
struct Member {
  std::string target;
  Answer answer = Answer::kUnknown;
  std::string message;

  bool operator==(const Member&) const = default;
};

/// The members of a group: targets of heal.yml's inventory, and containers whose labels put them there.
struct Population {
  std::string group;
  std::vector<Member> members;  ///< by target
  std::string error;            ///< why the members could not be told; "" when they could

  bool operator==(const Population&) const = default;
};

/// Asks all members, several at a time, how they are: unhealthy is a container that does not run, a health check that
/// does not pass, or one that has not answered within `timeout`. `except`, the target itself, is listed and not asked.
/// Blocks for twice `timeout` at most.
Population ask_population(const World& world, const Tools& tools, const std::string& group, const TargetId& except,
                          Duration timeout, std::stop_token stop);

}  // namespace heal::remedy
