#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/httpd/message.h"

namespace heal::httpd {

class Exchange;

/// A response whose body is sent piece by piece (server-sent events). A handle: copyable, thread-safe, holds no thread.
/// The response ends when close() is called or the last copy is gone. What the client has not taken yet is buffered up
/// to Limits::stream_buffer_bytes; a client that is slower than that is cut off.
class StreamWriter {
 public:
  StreamWriter() = default;

  /// Sends `bytes`; never blocks. False when the client is gone or was cut off: stop writing then.
  bool write(std::string_view bytes);
  /// Sends one server-sent event: `id` and `name` are left out when empty and must be one line; `data` may have
  /// several. Source: html.spec.whatwg.org, "Server-sent events".
  bool event(std::string_view name, std::string_view data, std::string_view id = {});
  /// Ends the response. Further writes give false.
  void close();
  bool is_open() const;
  /// Stop is requested when the client is gone, was cut off, or the server stops.
  std::stop_token gone() const;

 private:
  friend class Responder;
  struct Handle;
  explicit StreamWriter(std::shared_ptr<Exchange> exchange);
  std::shared_ptr<Handle> handle_;
};

/// The duty to answer one request, from any thread, any time later; holds no thread. Move-only. The first of send() and
/// open_stream() counts, later ones do nothing. Destroyed unanswered: the client gets 500.
class Responder {
 public:
  Responder() = default;
  explicit Responder(std::shared_ptr<Exchange> exchange);
  Responder(Responder&&) noexcept;
  Responder& operator=(Responder&&) noexcept;
  ~Responder();

  /// Answers. Does not block. The answer is lost without a trace when the client is gone.
  void send(HttpResponse response);
  /// Answers 200 with `content_type` and hands out the body's writer.
  StreamWriter open_stream(const std::string& content_type = "text/event-stream");
  /// Stop is requested when the client hangs up before it was answered (an answer may still be sent: it may only have
  /// closed its sending side), or when the server's stop ran out of patience.
  std::stop_token gone() const;

 private:
  std::shared_ptr<Exchange> exchange_;
};

}  // namespace heal::httpd
