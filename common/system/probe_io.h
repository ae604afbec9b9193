#pragma once

#include <memory>

#include "common/port/probe_io.h"

namespace heal::system {

/// ProbeIo over sockets: an epoll loop on a thread of its own with libcurl (http), OpenSSL (tls) and c-ares (names).
/// The destructor drops what is still posted and joins the thread; every handle must be gone before.
class SystemProbeIo : public ProbeIo {
 public:
  SystemProbeIo();
  ~SystemProbeIo() override;

  SteadyTime now() override;
  void post(std::function<void()> task) override;
  Status prepare_tls(const TlsSettings& settings) override;
  std::unique_ptr<PendingIo> call_at(SteadyTime when, std::function<void()> task) override;
  std::unique_ptr<PendingIo> resolve(const std::string& host, AddressFamily family, Resolved done) override;
  std::unique_ptr<HttpExchange> exchange(HttpHop hop, HttpHopObserver& observer) override;
  std::unique_ptr<ByteStream> open_stream() override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace heal::system
