#pragma once

#include <memory>
#include <string>

#include "common/base/scoped_fd.h"
#include "common/port/probe_io.h"
#include "common/system/probe/event_loop.h"
#include "common/system/probe/tls.h"
#include "common/system/probe/tls_turns.h"

namespace heal::system {

/// A non-blocking connection over TCP or a unix socket, with or without TLS, or a connected UDP socket, on an
/// EventLoop.
class SocketStream : public ByteStream {
 public:
  enum class Transport { kTcp, kUdp };
  SocketStream(EventLoop& loop, TlsContexts& contexts, TlsTurns& turns, Transport transport = Transport::kTcp)
      : loop_(loop), contexts_(contexts), turns_(turns), transport_(transport) {}
  ~SocketStream() override;

  void connect(const SocketAddress& to, const std::optional<IpAddress>& source, Done done) override;
  void connect_unix(const std::string& path, Done done) override;
  void start_tls(const TlsSettings& settings, TlsDone done) override;
  void write(std::string bytes, Done done) override;
  void read(ReadDone done) override;
  TlsTurn tls_turn() const override { return turn_ ? turn_->state() : last_turn_; }
  /// The connected socket, for libcurl to use; this is then of no more use. None when it connected at once: libcurl
  /// 7.88 connects again whatever it is told, and Linux lets that pass only the first time after a connection was made
  /// in the background.
  ScopedFd take_socket();

 private:
  enum class Step { kIdle, kConnecting, kHandshaking, kWriting, kReading };

  /// An errno, or 0.
  int begin_connect(const SocketAddress& to, const std::optional<IpAddress>& source);
  int begin_connect_unix(const std::string& path);
  void await_connection(int error, Done done);
  Status begin_tls(const TlsSettings& settings);
  void on_ready();
  void finish_connect();
  void handshake();
  void write_some();
  void read_some();
  /// Bytes moved, 0 for end of stream on reading, or -1 with `want` telling what to wait for (0: failed).
  struct Moved {
    ssize_t bytes = -1;
    std::uint32_t want = 0;
    ProbeReason reason = ProbeReason::kOther;
    std::string message;
  };
  Moved plain_result(ssize_t bytes, std::uint32_t want_if_blocked) const;
  Moved tls_result(int result) const;
  void wait_for(std::uint32_t events);
  void later(EventLoop::Task task);
  void end_step(std::optional<ProbeFailure> failure);

  EventLoop& loop_;
  TlsContexts& contexts_;
  TlsTurns& turns_;
  const Transport transport_;
  ScopedFd fd_;
  bool connected_at_once_ = false;
  std::shared_ptr<const RefusedCertificate> refused_;  ///< by the handshake that was begun last
  SslPtr ssl_;
  std::unique_ptr<TlsTurns::Turn> turn_;
  TlsTurn last_turn_;
  EventLoop::Id watch_ = 0;
  Step step_ = Step::kIdle;
  Done done_;
  TlsDone tls_done_;
  ReadDone read_done_;
  std::string outgoing_;
  std::size_t written_ = 0;
  /// Outlives this object in posted tasks, which look whether it is still there.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace heal::system
