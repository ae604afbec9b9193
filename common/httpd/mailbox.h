#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/scoped_fd.h"

namespace heal::httpd {

/// What other threads tell the server's loop about one exchange of one connection.
struct Mail {
  enum class Kind {
    kResponse,       ///< `bytes` is the whole response
    kStreamStart,    ///< `bytes` is the response's head
    kStreamData,     ///< `bytes` is a piece of the body, framed
    kStreamEnd,      ///< `bytes` is what ends the body
    kCut,            ///< close the connection at once: the reader is too slow
    kAuthenticated,  ///< the credentials were right
    kDenied,         ///< they were wrong
    kStop,           ///< the server stops
  };
  Kind kind;
  std::uint64_t connection = 0;
  std::uint64_t exchange = 0;
  std::string bytes{};
  int status = 0;                ///< of kResponse
  bool closes = false;           ///< the connection ends after kResponse
  bool is_event_stream = false;  ///< kStreamStart: comments keep it alive
};

/// The loop's inbox. Thread-safe; outlives the loop with those who may still post.
class Mailbox {
 public:
  Mailbox();

  /// Written to when mail comes and there is none yet, and never read: to be watched for edges (EPOLLET).
  int fd() const { return fd_.get(); }
  /// Dropped when the mailbox is closed.
  void post(Mail mail);
  std::vector<Mail> take();
  /// From now on everything is dropped.
  void close();

  /// True from the beginning of the server's stop: responses announce that the connection closes.
  std::atomic<bool> is_stopping{false};

 private:
  ScopedFd fd_;
  Mutex mutex_;
  std::vector<Mail> mails_ HEAL_GUARDED_BY(mutex_);
  bool closed_ HEAL_GUARDED_BY(mutex_) = false;
};

}  // namespace heal::httpd
