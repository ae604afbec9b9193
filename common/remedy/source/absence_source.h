#pragma once

#include <map>
#include <string>
#include <thread>

#include "common/remedy/source/source_tools.h"

namespace heal::remedy {

/// Ends alerts whose resolved message never comes (silenced, lost, a firing message that never got through): one that
/// no Alertmanager holds in so many polls in a row is over. A poll counts only when every configured Alertmanager
/// answers and has been up for longer than two resend intervals, for one that has just started holds nothing yet. A
/// thread of its own.
class AbsenceSource {
 public:
  AbsenceSource(SourceTools tools, const playbook::AbsenceConfig& config);
  ~AbsenceSource();
  AbsenceSource(const AbsenceSource&) = delete;
  AbsenceSource& operator=(const AbsenceSource&) = delete;

 private:
  void run(std::stop_token stop);
  /// One poll; its Error says why it does not count.
  Status poll(std::stop_token stop);

  const SourceTools tools_;
  const playbook::AbsenceConfig config_;
  std::map<std::string, std::uint32_t> absent_;  // episode key → polls in a row
  bool was_blind_ = false;
  std::jthread thread_;
};

}  // namespace heal::remedy
