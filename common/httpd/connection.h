#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/base/scoped_fd.h"
#include "common/base/time.h"
#include "common/httpd/chunked.h"
#include "common/httpd/exchange.h"
#include "common/httpd/head.h"
#include "common/httpd/router.h"
#include "common/httpd/tls.h"

namespace heal::httpd {

/// Which routes a listener serves.
enum class Scope { kAll, kAdminOnly };

/// Where a connection stands. One request after another goes kHead → (kAuth) → kBody → kHandling → kWriting → kHead.
enum class Phase {
  kHead,       ///< reading a request head (or waiting for one: idle; a TLS handshake is part of it)
  kAuth,       ///< a pool checks the password
  kBody,       ///< reading the body
  kHandling,   ///< a handler has it
  kWriting,    ///< sending the response
  kStreaming,  ///< sending a stream that has no end yet
  kDraining,   ///< all is sent and our side closed; what still comes is thrown away so that nothing is lost to a reset
  kClosed,
};

/// The socket of a connection with its TLS and the bytes on the way. Used by the loop's thread only.
class Transport {
 public:
  enum class Io { kOk, kBlocked, kEof, kFailed };

  Transport(ScopedFd fd, std::shared_ptr<const TlsContext> tls);

  int fd() const { return fd_.get(); }
  bool is_tls() const { return tls_ != nullptr; }
  /// True when TLS is not used or its handshake is through.
  bool is_ready() const { return tls_ == nullptr || tls_->is_established(); }
  /// Reads at most 64 KiB and appends it to `plain`. kBlocked: nothing there; kOk may also mean that TLS took it all.
  Io read(std::string& plain);
  /// Queues `plain` for sending; kFailed when TLS cannot.
  Io queue(std::string_view plain);
  /// Sends what the kernel takes. kOk: all is sent.
  Io flush();
  /// Bytes that wait to be sent.
  std::size_t pending() const { return out_.size() - sent_; }
  /// Ends our side: close_notify and shutdown.
  void finish();

 private:
  ScopedFd fd_;
  std::unique_ptr<TlsSession> tls_;
  std::string out_;
  std::size_t sent_ = 0;
};

/// One client. Plain state, changed by the loop (Reactor) alone.
struct Connection {
  Connection(std::uint64_t the_id, ScopedFd fd, std::shared_ptr<const TlsContext> tls)
      : id(the_id), transport(std::move(fd), std::move(tls)) {}

  const std::uint64_t id;
  Transport transport;
  Scope scope = Scope::kAll;
  std::string remote;
  std::optional<PeerCredentials> peer;
  Phase phase = Phase::kHead;
  std::uint32_t interest = 0;  ///< what epoll watches
  SteadyTime deadline = SteadyTime::max();
  SteadyTime idle_since;
  std::string in;                ///< read and not yet used
  std::size_t scanned = 0;       ///< of `in`, when a head is looked for
  bool has_peer_closed = false;  ///< its end was read
  bool has_left = false;         ///< epoll said that it closed its side; there may still be something to read
  bool closes = false;           ///< after the current response
  bool is_first = true;          ///< no request was complete yet
  bool is_event_stream = false;
  bool is_ending = false;         ///< the stream's end is queued
  std::size_t stream_queued = 0;  ///< bytes of the stream that the kernel has not taken

  std::size_t write_mark = 0;  ///< bytes pending when the write deadline was last set

  Head head;
  HttpRequest request;
  const Route* route = nullptr;
  std::size_t body_limit = 0;
  std::optional<ChunkedDecoder> chunked;
  std::uint64_t exchange_id = 0;
  std::shared_ptr<Exchange> exchange;

  /// Waiting for a request of which nothing has come.
  bool is_idle() const { return phase == Phase::kHead && in.empty(); }
};

}  // namespace heal::httpd
