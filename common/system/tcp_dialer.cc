#include "common/system/tcp_dialer.h"

#include <utility>

#include "common/base/host_port.h"

namespace heal {

Status TcpDialer::connect(const std::string& address, Deadline deadline, std::stop_token stop) {
  HEAL_TRY(const auto parsed, HostPort::parse(address));
  TransferRequest request;
  request.http.url = "http://" + parsed.str();
  request.name = "connect to " + parsed.str();
  request.until = TransferRequest::Until::kConnected;
  HEAL_TRY_STATUS(transfers_.run(request, deadline, std::move(stop)));
  return {};
}

}  // namespace heal
