#pragma once

#include <string>

#include "common/port/unit_reader.h"

namespace heal {

/// systemd's units over D-Bus: properties that everybody may read, on a connection of its own for each look. Starts
/// nothing, and loads no library.
class BusUnits : public UnitReader {
 public:
  /// `socket`: path of the system bus's socket.
  explicit BusUnits(std::string socket) : socket_(std::move(socket)) {}

  Result<std::vector<SeenUnit>> units(const std::vector<std::string>& names, Deadline deadline,
                                      std::stop_token stop) override;

 private:
  const std::string socket_;
};

}  // namespace heal
