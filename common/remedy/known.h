#pragma once

#include <map>
#include <string>

#include "common/model/event.h"
#include "common/remedy/ledger.h"

namespace heal::remedy {

/// What the ledger knows of a batch's events before anything is changed.
struct Known {
  std::map<std::string, Episode> episodes;    ///< by key
  std::map<std::string, Incident> incidents;  ///< those that are over, of episodes that still fire
};
Result<Known> look_up(Ledger& ledger, const EventBatch& batch);

}  // namespace heal::remedy
