#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/scoped_fd.h"

namespace heal::httpd::test {

/// A client that sends exactly the bytes it is told and reads what comes, blocking. Every wait ends after 20 s with a
/// failed test, so that a server that hangs cannot hang the test.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  /// A unix socket.
  explicit RawClient(const std::string& path);

  void send(std::string_view bytes);
  /// Sends as much as the other side takes within `bytes`; false when the connection broke.
  bool try_send(std::string_view bytes);
  /// Ends our sending side.
  void finish();
  void close() { fd_.reset(); }
  int fd() const { return fd_.get(); }

  struct Reply {
    int status = 0;
    std::string head;  ///< status line and headers, lines ending in \n
    std::string body;

    std::string header(std::string_view name) const;
  };
  /// The next response, its body read by Content-Length (or to the end when there is none).
  Reply read_reply();
  /// The next response to a HEAD request.
  Reply read_head_reply();
  /// Bytes up to and with `mark`.
  std::string read_until(std::string_view mark);
  /// Everything to the end of the connection (an orderly end or a reset).
  std::string read_to_end();

  /// One request that asks for the connection to be closed; its reply is read from what this gives.
  static RawClient ask(std::uint16_t port, std::string_view request_line, std::string_view headers = "",
                       std::string_view body = "");
  /// The same, and its reply.
  static Reply fetch(std::uint16_t port, std::string_view request_line, std::string_view headers = "",
                     std::string_view body = "");

 private:
  bool fill();

  ScopedFd fd_;
  std::string buffer_;
};

/// The one that has something to read first, awaited.
RawClient& first_readable(RawClient& one, RawClient& two);

}  // namespace heal::httpd::test
