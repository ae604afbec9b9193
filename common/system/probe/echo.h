#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "common/base/result.h"
#include "common/port/probe_io.h"
#include "common/system/probe/event_loop.h"

namespace heal::system {

/// Echo requests over ICMP sockets that all probes of a loop share, one for each family and way of fragmenting, opened
/// when first needed: ten thousand raw sockets would each be given a copy of every reply. An unprivileged socket is
/// tried first (net.ipv4.ping_group_range), then a raw one (CAP_NET_RAW). Loop thread only.
class EchoSockets {
 public:
  explicit EchoSockets(EventLoop& loop);
  ~EchoSockets();
  EchoSockets(const EchoSockets&) = delete;
  EchoSockets& operator=(const EchoSockets&) = delete;

  std::unique_ptr<PendingIo> echo(EchoRequest request, ProbeIo::EchoDone done);

 private:
  class Socket;
  struct Waiting;
  class Pending;
  Result<Socket*> socket_for(const EchoRequest& request);

  EventLoop& loop_;
  std::map<std::pair<IpAddress::Family, EchoRequest::Fragments>, std::unique_ptr<Socket>> sockets_;
};

/// From the kernel's random numbers. Thread-safe.
std::uint16_t unpredictable_id();

}  // namespace heal::system
