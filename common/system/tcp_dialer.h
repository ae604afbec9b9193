#pragma once

#include "common/port/dialer.h"
#include "common/system/transfer.h"

namespace heal {

/// Connects over TCP; a name is tried with all its addresses, IPv6 and IPv4 side by side.
class TcpDialer : public Dialer {
 public:
  Status connect(const std::string& address, Deadline deadline, std::stop_token stop) override;
  Result<std::string> exchange(const std::string& address, const std::string& request, Deadline deadline,
                               std::stop_token stop) override;

 private:
  Transfers transfers_;
};

}  // namespace heal
