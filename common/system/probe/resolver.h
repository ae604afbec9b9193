#pragma once

#include <memory>
#include <string>

#include "common/port/probe_io.h"
#include "common/system/probe/event_loop.h"

namespace heal::system {

/// Name lookup with c-ares on an EventLoop; follows changes of /etc/resolv.conf. Loop thread only.
class Resolver {
 public:
  explicit Resolver(EventLoop& loop);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  std::unique_ptr<PendingIo> resolve(const std::string& host, AddressFamily family, ProbeIo::Resolved done);

 private:
  class Channel;
  Channel& channel();

  EventLoop& loop_;
  std::unique_ptr<Channel> channel_;
  std::string resolv_conf_signature_;
};

}  // namespace heal::system
