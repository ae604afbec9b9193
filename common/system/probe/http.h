#pragma once

#include <memory>
#include <unordered_map>

#include <curl/curl.h>

#include "common/port/probe_io.h"
#include "common/system/probe/event_loop.h"
#include "common/system/probe/tls.h"
#include "common/system/probe/tls_turns.h"

namespace heal::system {

using EasyPtr = std::unique_ptr<CURL, CFree<curl_easy_cleanup>>;

/// HTTP exchanges with libcurl's multi interface on an EventLoop. Every exchange has a connection of its own. Loop
/// thread only.
class HttpMulti {
 public:
  HttpMulti(EventLoop& loop, TlsContexts& contexts, TlsTurns& turns);
  ~HttpMulti();
  HttpMulti(const HttpMulti&) = delete;
  HttpMulti& operator=(const HttpMulti&) = delete;

  std::unique_ptr<HttpExchange> exchange(HttpHop hop, HttpHopObserver& observer);

 private:
  class Exchange;
  friend class Exchange;

  static int on_socket(CURL* easy, curl_socket_t fd, int what, void* self, void* socket_data);
  static int on_timer(CURLM* multi, long timeout_ms, void* self);
  void socket_changed(curl_socket_t fd, int what);
  void timer_changed(long timeout_ms);
  void act(curl_socket_t fd, int flags);
  void finish_completed();

  EventLoop& loop_;
  TlsContexts& contexts_;
  TlsTurns& turns_;
  CURLM* multi_;
  EventLoop::Id timer_ = 0;
  std::unordered_map<curl_socket_t, EventLoop::Id> watches_;
};

}  // namespace heal::system
