#pragma once

#include <atomic>
#include <memory>
#include <stop_token>
#include <string>

#include "common/base/time.h"
#include "common/httpd/codec.h"
#include "common/httpd/mailbox.h"
#include "common/httpd/message.h"

namespace heal::httpd {

/// One request that waits for its answer: what ties handlers on any thread to a connection of the loop. Thread-safe;
/// may outlive the server, and therefore holds nothing of it but the mailbox.
class Exchange {
 public:
  /// What is known when the request is handed out.
  struct Context {
    std::uint64_t connection = 0;
    std::uint64_t exchange = 0;
    ResponseFraming framing;
    int minor_version = 1;
    FieldList headers;  ///< added to every response
    std::string method;
    std::string path;
    std::string handler;  ///< label of the metrics
    std::size_t stream_buffer_bytes = 256 * 1024;
    SteadyTime started;
  };

  Exchange(Context context, std::shared_ptr<Mailbox> mailbox);

  const Context& context() const { return context_; }

  /// The first of answer() and open_stream() counts.
  void answer(HttpResponse response);
  bool open_stream(const std::string& content_type);
  bool write_stream(std::string_view bytes);
  void close_stream();
  bool is_stream_open() const { return is_stream_open_.load() && !gone_.stop_requested(); }

  std::stop_token gone() const { return gone_.get_token(); }
  /// The client went away, or the server's patience ended.
  void set_gone();
  /// The loop has handed `bytes` of a stream to the kernel.
  void sent(std::size_t bytes) { buffered_.fetch_sub(bytes); }

 private:
  void post(Mail::Kind kind, std::string bytes);

  const Context context_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::stop_source gone_;
  std::atomic<bool> is_answered_{false};
  std::atomic<bool> is_stream_open_{false};
  std::atomic<std::size_t> buffered_{0};  // of a stream: given to us and not yet to the kernel
};

}  // namespace heal::httpd
