#pragma once

#include <cstddef>
#include <memory>

#include "common/port/probe_io.h"

namespace heal::system {

/// How many TLS handshakes one loop has in flight, and how long one may wait for its server until it does not count.
struct TlsLimits {
  std::size_t at_once = 32;
  Duration patience = 50ms;
};

/// ProbeIo over sockets: an epoll loop on a thread of its own with libcurl (http), OpenSSL (tls) and c-ares (names).
/// The destructor drops what is still posted and joins the thread; every handle must be gone before.
class SystemProbeIo : public ProbeIo {
 public:
  explicit SystemProbeIo(TlsLimits limits = {});
  ~SystemProbeIo() override;

  SteadyTime now() override;
  void post(std::function<void()> task) override;
  Status prepare_tls(const TlsSettings& settings) override;
  TlsHandshakes tls_handshakes() const override;
  std::unique_ptr<PendingIo> call_at(SteadyTime when, std::function<void()> task) override;
  std::unique_ptr<PendingIo> resolve(const std::string& host, AddressFamily family, Resolved done) override;
  std::unique_ptr<HttpExchange> exchange(HttpHop hop, HttpHopObserver& observer) override;
  std::unique_ptr<ByteStream> open_stream() override;
  std::unique_ptr<ByteStream> open_datagrams() override;
  std::unique_ptr<PendingIo> echo(EchoRequest request, EchoDone done) override;
  std::uint16_t random_id() override;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace heal::system
