#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "common/model/incident.h"
#include "common/remedy/metrics.h"

namespace heal::remedy {

/// What a batch adds to the metrics, told once it is durable. The views are words of words.h.
class BatchTally {
 public:
  void count_event(const std::string& source, std::string_view result) { ++events_[{source, result}]; }
  void count_move(IncidentState to) { ++moves_[to]; }
  void count_decision(const std::string& playbook, std::string_view result, std::string_view guard) {
    ++decisions_[{playbook, result, guard}];
  }
  void count_action(const std::string& playbook, const std::string& kind, std::string_view outcome) {
    ++actions_[{playbook, kind, std::string(outcome)}];
  }
  /// Adds it to `metrics`, and begins anew.
  void show(const RemedyMetrics& metrics);
  void clear();

 private:
  std::map<std::pair<std::string, std::string_view>, std::size_t> events_;
  std::map<IncidentState, std::size_t> moves_;
  std::map<std::tuple<std::string, std::string_view, std::string_view>, std::size_t> decisions_;
  std::map<std::tuple<std::string, std::string, std::string>, std::size_t> actions_;
};

}  // namespace heal::remedy
