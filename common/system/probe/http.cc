#include "common/system/probe/http.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/system/probe/certificate_refusal.h"
#include "common/system/probe/curl_hop.h"
#include "common/system/probe/http_failure.h"
#include "common/system/probe/stream.h"

namespace heal::system {
namespace {

constexpr std::size_t kMaxHeadBytes = 256 << 10;
constexpr int kMostInterimHeads = 5;

void init_curl_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  curl_easy_setopt(easy, option, value);
}

Duration microseconds_info(CURL* easy, CURLINFO info) {
  curl_off_t value = 0;
  curl_easy_getinfo(easy, info, &value);
  return std::chrono::microseconds(value);
}

bool is_length(std::string_view text) {
  return parse_int(text) && !text.starts_with('-');
}

/// Why nobody can say where the body of an HTTP/1 answer ends; "" when it can be said. libcurl takes the last word.
std::string_view framing_problem(const HttpHopHead& head) {
  if (head.protocol == "HTTP/2.0") return {};
  const std::string* length = nullptr;
  int encodings = 0;
  for (const auto& [name, value] : head.headers) {
    const std::string lower = to_lower(name);
    if (lower == "transfer-encoding" && head.protocol == "HTTP/1.1" &&
        (to_lower(value) != "chunked" || ++encodings > 1))
      return "a transfer encoding that is not chunked";
    if (lower != "content-length") continue;
    if (length != nullptr && *length != value) return "two Content-Length headers that differ";
    length = &value;
  }
  const bool has_body = head.status != 204 && head.status != 304;
  if (length != nullptr && encodings == 0 && has_body && !is_length(*length))
    return "a Content-Length that is no number";
  return {};
}

std::string protocol_name(CURL* easy) {
  long version = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
  switch (version) {
    case CURL_HTTP_VERSION_1_0:
      return "HTTP/1.0";
    case CURL_HTTP_VERSION_1_1:
      return "HTTP/1.1";
    case CURL_HTTP_VERSION_2_0:
      return "HTTP/2.0";
    default:
      return "";
  }
}

}  // namespace

class HttpMulti::Exchange : public HttpExchange {
 public:
  Exchange(HttpMulti& owner, HttpHop hop, HttpHopObserver& observer)
      : owner_(owner), hop_(std::move(hop)), observer_(observer) {}

  ~Exchange() override {
    *alive_ = false;
    if (!easy_) return;
    if (running_) curl_multi_remove_handle(owner_.multi_, easy_.get());
  }

  void start() {
    // A new one for every exchange: libcurl 7.88 lets the last header line of an earlier transfer dangle, and appends
    // to it what a server sends as a first line that begins with a space.
    easy_.reset(curl_easy_init());
    if (!easy_) return fail_later({ProbePhase::kConnect, ProbeReason::kOther, "no memory for a transfer"});
    if (const Status prepared = prepare(); !prepared.has_value()) {
      fail_later({ProbePhase::kTls, ProbeReason::kTlsConfig, prepared.error().str()});
      return;
    }
    if (!has_tls()) return begin_transfer();
    // Between connecting and the handshake libcurl lets nobody wait. So the connection is made here; but not to a
    // proxy, which libcurl has to talk to first.
    if (!hop_.proxy_url.empty() || !hop_.connect_to) return take_turn();
    dial_begun_ = owner_.loop_.now();
    dial_.emplace(owner_.loop_, owner_.contexts_, owner_.turns_);
    dial_->connect(*hop_.connect_to, std::nullopt, [this](std::optional<ProbeFailure> failure) {
      if (failure) return observer_.on_done(std::move(failure));
      dialed_ = owner_.loop_.now() - dial_begun_;
      socket_ = dial_->take_socket();
      take_turn();
    });
  }

  HttpHopTimings timings() const override {
    if (!easy_) return {};
    CURL* easy = easy_.get();
    HttpHopTimings times;
    const Duration resolved = microseconds_info(easy, CURLINFO_NAMELOOKUP_TIME_T);
    const Duration connected = microseconds_info(easy, CURLINFO_CONNECT_TIME_T);
    const Duration secured = microseconds_info(easy, CURLINFO_APPCONNECT_TIME_T);
    const Duration ready = microseconds_info(easy, CURLINFO_PRETRANSFER_TIME_T);
    const Duration answered = microseconds_info(easy, CURLINFO_STARTTRANSFER_TIME_T);
    const Duration total = microseconds_info(easy, CURLINFO_TOTAL_TIME_T);
    times.tls_turn = turn_ ? turn_->state() : last_turn_;
    times.tcp_connected = tls_begun_ || dialed_ || connected > Duration::zero();
    times.connected = ready > Duration::zero();
    if (!times.connected) return times;
    times.connect = dialed_.value_or(connected - resolved);
    if (secured > connected) times.tls = secured - connected;
    times.responded = head_delivered_ || head_seen_;
    if (!times.responded || answered == Duration::zero()) return times;
    times.processing = answered - ready;
    times.transfer = total > answered ? total - answered : Duration::zero();
    return times;
  }

  /// Called by the owner when libcurl is done with the transfer. May destroy this.
  void complete(CURLcode code) {
    curl_multi_remove_handle(owner_.multi_, easy_.get());
    running_ = false;
    end_turn();
    // libcurl looked at the first bytes and saw no HTTP: an answer came all the same.
    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY) head_seen_ = true;
    if (stopped_ || (code == CURLE_OK && head_delivered_ && !own_failure_)) {
      observer_.on_done(std::nullopt);
    } else if (own_failure_) {
      observer_.on_done(std::move(own_failure_));
    } else {
      const std::string text = error_text_.front() != '\0' ? error_text_.data() : curl_easy_strerror(code);
      ProbeFailure failure = curl_failure(easy_.get(), code, timings().connected, head_delivered_, text);
      failure.certificate = std::move(refused_);
      observer_.on_done(std::move(failure));
    }
  }

 private:
  bool has_tls() const { return hop_.url.starts_with("https://") || hop_.proxy_url.starts_with("https://"); }

  void take_turn() {
    turn_ = owner_.turns_.take([this] { begin_transfer(); });
  }
  void end_turn() {
    if (turn_) last_turn_ = turn_->state();
    turn_.reset();
  }

  void begin_transfer() {
    if (curl_multi_add_handle(owner_.multi_, easy_.get()) == CURLM_OK) {
      running_ = true;
    } else {
      fail_later({ProbePhase::kConnect, ProbeReason::kOther, "no memory for another transfer"});
    }
  }

  void fail_later(ProbeFailure failure) {
    owner_.loop_.post([this, alive = alive_, failure = std::move(failure)] {
      if (*alive) observer_.on_done(failure);
    });
  }

  Status prepare() {
    CURL* easy = easy_.get();
    set(easy, CURLOPT_PRIVATE, this);
    set(easy, CURLOPT_ERRORBUFFER, error_text_.data());
    set(easy, CURLOPT_URL, hop_.url.c_str());
    set(easy, CURLOPT_PATH_AS_IS, 1L);
    set(easy, CURLOPT_NOSIGNAL, 1L);
    // Of the 64 KiB that libcurl takes for each request over TLS a quarter is enough.
    set(easy, CURLOPT_UPLOAD_BUFFERSIZE, 16L << 10);
    set(easy, CURLOPT_FRESH_CONNECT, 1L);
    set(easy, CURLOPT_FORBID_REUSE, 1L);
    set(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_HTTP09_ALLOWED, 0L);
    set(easy, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    set(easy, CURLOPT_TIMEOUT_MS, 0L);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, 600'000L);
    prepare_request(easy);
    prepare_route(easy);
    prepare_callbacks(easy);
    prepare_socket(easy);
    return prepare_tls(easy);
  }

  void prepare_request(CURL* easy) {
    headers_ = curl_headers(hop_);
    set(easy, CURLOPT_HTTPHEADER, headers_.get());
    if (!hop_.body.empty()) {
      set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(hop_.body.size()));
      set(easy, CURLOPT_POSTFIELDS, hop_.body.data());
    } else if (hop_.method == "HEAD") {
      set(easy, CURLOPT_NOBODY, 1L);
    }
    set(easy, CURLOPT_CUSTOMREQUEST, hop_.method.c_str());
    // libcurl 7.88.1 is among the versions with known HTTP/2 crashes on reused connections; ours are never reused.
    set(easy, CURLOPT_HTTP_VERSION, curl_version_of(hop_.versions));
  }

  void prepare_route(CURL* easy) {
    const CurlProxy proxy = curl_proxy(hop_);
    set(easy, CURLOPT_PROXY, proxy.url.c_str());
    if (proxy.is_user_named) {
      set(easy, CURLOPT_PROXYUSERNAME, proxy.user.c_str());
      set(easy, CURLOPT_PROXYPASSWORD, proxy.password.c_str());
    }
    // Who goes past the proxy was decided by whoever named it, not by the environment's NO_PROXY.
    set(easy, CURLOPT_NOPROXY, "");
    set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    proxy_headers_ = curl_proxy_headers(hop_);
    set(easy, CURLOPT_HEADEROPT, static_cast<long>(CURLHEADER_SEPARATE));
    if (proxy_headers_) set(easy, CURLOPT_PROXYHEADER, proxy_headers_.get());
    connect_to_ = curl_connect_to(hop_);
    if (connect_to_) set(easy, CURLOPT_CONNECT_TO, connect_to_.get());
  }

  void prepare_callbacks(CURL* easy) {
    set(easy, CURLOPT_HEADERFUNCTION, &Exchange::on_header);
    set(easy, CURLOPT_HEADERDATA, this);
    set(easy, CURLOPT_WRITEFUNCTION, &Exchange::on_write);
    set(easy, CURLOPT_WRITEDATA, this);
  }

  void prepare_socket(CURL* easy) {
    if (!has_tls()) return;
    set(easy, CURLOPT_PREREQFUNCTION, &Exchange::on_connected);
    set(easy, CURLOPT_PREREQDATA, this);
    if (!hop_.proxy_url.empty() || !hop_.connect_to) return;
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &Exchange::on_open_socket);
    set(easy, CURLOPT_OPENSOCKETDATA, this);
    set(easy, CURLOPT_SOCKOPTFUNCTION, &Exchange::on_socket_options);
    set(easy, CURLOPT_SOCKOPTDATA, this);
  }

  static curl_socket_t on_open_socket(void* self_pointer, curlsocktype, curl_sockaddr* address) {
    auto* self = static_cast<Exchange*>(self_pointer);
    self->is_connected_ = static_cast<bool>(self->socket_);
    if (self->is_connected_) return self->socket_.release();
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  static int on_socket_options(void* self, curl_socket_t, curlsocktype) {
    return static_cast<Exchange*>(self)->is_connected_ ? CURL_SOCKOPT_ALREADY_CONNECTED : CURL_SOCKOPT_OK;
  }
  /// Also when the handshake was through a proxy.
  static int on_connected(void* self, char*, char*, int, int) {
    static_cast<Exchange*>(self)->end_turn();
    return CURL_PREREQFUNC_OK;
  }

  Status prepare_tls(CURL* easy) {
    const bool https_proxy = hop_.proxy_url.starts_with("https://");
    if (!has_tls()) return {};
    HEAL_TRY(context_, owner_.contexts_.get(hop_.tls, owner_.loop_.now()));
    const bool verify = !hop_.tls.insecure_skip_verify;
    set(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    set(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    // The name is verified in on_context by our own rules; behind an https proxy libcurl must do it, because the
    // context does not say which of the two connections it is for.
    set(easy, CURLOPT_SSL_VERIFYHOST, verify && https_proxy ? 2L : 0L);
    set(easy, CURLOPT_PROXY_SSL_VERIFYPEER, verify ? 1L : 0L);
    set(easy, CURLOPT_PROXY_SSL_VERIFYHOST, verify ? 2L : 0L);
    // The trusted certificates come from our cache: libcurl must not read a bundle for every probe.
    for (const CURLoption option : {CURLOPT_CAINFO, CURLOPT_CAPATH, CURLOPT_PROXY_CAINFO, CURLOPT_PROXY_CAPATH}) {
      set(easy, option, static_cast<const char*>(nullptr));
    }
    set(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
    set(easy, CURLOPT_SSL_CTX_FUNCTION, &Exchange::on_context);
    set(easy, CURLOPT_SSL_CTX_DATA, this);
    return {};
  }

  std::string host_of_url() const {
    std::string host = hop_.url.substr(hop_.url.find("://") + 3);
    host = host.substr(0, host.find_first_of("/?#"));
    host = host.substr(host.rfind('@') + 1);
    if (host.starts_with('[')) return host.substr(1, host.find(']') - 1);
    return host.substr(0, host.find(':'));
  }

  static CURLcode on_context(CURL*, void* ssl_ctx, void* self_pointer) {
    auto* self = static_cast<Exchange*>(self_pointer);
    self->tls_begun_ = true;
    auto* context = static_cast<SSL_CTX*>(ssl_ctx);
    copy_context(self->context_.get(), context);
    keep_refused(context, self->refused_);
    if (self->hop_.tls.insecure_skip_verify || self->hop_.proxy_url.starts_with("https://")) return CURLE_OK;
    const Status verifies = verify_name(SSL_CTX_get0_param(context), self->host_of_url());
    if (verifies.has_value()) return CURLE_OK;
    self->own_failure_ = {ProbePhase::kTls, ProbeReason::kTlsConfig, verifies.error().str()};
    return CURLE_ABORTED_BY_CALLBACK;
  }

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self) {
    const std::size_t length = size * count;
    return static_cast<Exchange*>(self)->header_line({data, length}) ? length : CURL_WRITEFUNC_ERROR;
  }
  static std::size_t on_write(char* data, std::size_t size, std::size_t count, void* self) {
    const std::size_t length = size * count;
    return static_cast<Exchange*>(self)->body_bytes({data, length}) ? length : CURL_WRITEFUNC_ERROR;
  }

  /// False ends the transfer.
  bool header_line(std::string_view line) {
    head_seen_ = true;
    head_bytes_ += line.size();
    if (head_bytes_ > kMaxHeadBytes) {
      own_failure_ = {ProbePhase::kResponse, ProbeReason::kTooLarge,
                      fmt::format("the head of the answer is over {} bytes", kMaxHeadBytes)};
      return false;
    }
    if (head_delivered_) {
      give_trailer(trim(line));
      return true;
    }
    if (line.starts_with("HTTP/")) {
      head_ = {};
      return true;
    }
    const std::string_view stripped = trim(line);
    if (line.starts_with(' ') || line.starts_with('\t')) return add_to_last_header(stripped);
    if (stripped.empty()) return end_of_head();
    add_header(stripped);
    return true;
  }

  /// A folded line (RFC 9112, 5.2).
  bool add_to_last_header(std::string_view more) {
    if (head_.headers.empty()) return distrust("a first header line that begins with a space");
    std::string& value = head_.headers.back().second;
    value = trim(value.append(" ").append(more));
    return true;
  }

  void add_header(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    head_.headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }

  void give_trailer(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      observer_.on_trailer(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }

  bool end_of_head() {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 100 && status < 200 && status != 101)
      return ++interim_heads_ <= kMostInterimHeads || distrust("too many answers before the final one");
    head_.status = static_cast<int>(status);
    head_.protocol = protocol_name(easy_.get());
    if (const std::string_view problem = framing_problem(head_); !problem.empty()) return distrust(problem);
    head_delivered_ = true;
    // Only now: after the transfer the connection, and with it the certificates, are gone.
    curl_tlssessioninfo* session = nullptr;
    if (hop_.url.starts_with("https://") &&
        curl_easy_getinfo(easy_.get(), CURLINFO_TLS_SSL_PTR, &session) == CURLE_OK && session->internals != nullptr) {
      head_.tls = tls_facts(static_cast<const SSL*>(session->internals));
    }
    stopped_ = observer_.on_head(std::move(head_)) == HttpHopObserver::Next::kStop;
    // libcurl would wait for a body where it has sent one.
    if (hop_.method == "HEAD" && !hop_.body.empty()) stopped_ = true;
    return !stopped_;
  }

  bool distrust(std::string_view why) {
    own_failure_ = {ProbePhase::kResponse, ProbeReason::kProtocol, std::string(why)};
    return false;
  }

  bool body_bytes(std::string_view bytes) {
    stopped_ = observer_.on_body(bytes) == HttpHopObserver::Next::kStop;
    return !stopped_;
  }

  HttpMulti& owner_;
  const HttpHop hop_;
  HttpHopObserver& observer_;
  std::shared_ptr<const RefusedCertificate> refused_;
  EasyPtr easy_;
  std::optional<SocketStream> dial_;
  SteadyTime dial_begun_{};
  std::optional<Duration> dialed_;  ///< how long it took to connect
  ScopedFd socket_;                 ///< connected, until libcurl takes it
  std::unique_ptr<TlsTurns::Turn> turn_;
  TlsTurn last_turn_;
  CurlListPtr headers_, proxy_headers_, connect_to_;
  std::shared_ptr<SSL_CTX> context_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  HttpHopHead head_;
  std::size_t head_bytes_ = 0;
  int interim_heads_ = 0;
  bool is_connected_ = false;  ///< what libcurl took
  bool running_ = false, tls_begun_ = false, head_seen_ = false, head_delivered_ = false, stopped_ = false;
  std::optional<ProbeFailure> own_failure_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

HttpMulti::HttpMulti(EventLoop& loop, TlsContexts& contexts, TlsTurns& turns)
    : loop_(loop), contexts_(contexts), turns_(turns) {
  init_curl_once();
  multi_ = curl_multi_init();
  HEAL_CHECK(multi_ != nullptr, "curl_multi_init");
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &HttpMulti::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &HttpMulti::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
}

HttpMulti::~HttpMulti() {
  curl_multi_cleanup(multi_);
  if (timer_ != 0) loop_.cancel(timer_);
  for (const auto& [fd, id] : watches_)
    loop_.forget(id);
}

std::unique_ptr<HttpExchange> HttpMulti::exchange(HttpHop hop, HttpHopObserver& observer) {
  auto exchange = std::make_unique<Exchange>(*this, std::move(hop), observer);
  exchange->start();
  return exchange;
}

int HttpMulti::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
  static_cast<HttpMulti*>(self)->socket_changed(fd, what);
  return 0;
}

int HttpMulti::on_timer(CURLM*, long timeout_ms, void* self) {
  static_cast<HttpMulti*>(self)->timer_changed(timeout_ms);
  return 0;
}

void HttpMulti::socket_changed(curl_socket_t fd, int what) {
  const auto it = watches_.find(fd);
  if (what == CURL_POLL_REMOVE) {
    if (it == watches_.end()) return;
    loop_.forget(it->second);
    watches_.erase(it);
    return;
  }
  const std::uint32_t events = ((what & CURL_POLL_IN) != 0 ? static_cast<std::uint32_t>(EPOLLIN) : 0U) |
                               ((what & CURL_POLL_OUT) != 0 ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  if (it != watches_.end()) {
    loop_.rewatch(it->second, events);
    return;
  }
  watches_[fd] = loop_.watch(fd, events, [this, fd](std::uint32_t happened) {
    int flags = 0;
    if ((happened & EPOLLIN) != 0) flags |= CURL_CSELECT_IN;
    if ((happened & EPOLLOUT) != 0) flags |= CURL_CSELECT_OUT;
    if ((happened & (EPOLLERR | EPOLLHUP)) != 0) flags |= CURL_CSELECT_ERR;
    act(fd, flags);
  });
}

void HttpMulti::timer_changed(long timeout_ms) {
  if (timer_ != 0) loop_.cancel(timer_);
  timer_ = 0;
  if (timeout_ms < 0) return;
  timer_ = loop_.call_at(loop_.now() + std::chrono::milliseconds(timeout_ms), [this] {
    timer_ = 0;
    act(CURL_SOCKET_TIMEOUT, 0);
  });
}

void HttpMulti::act(curl_socket_t fd, int flags) {
  int still_running = 0;
  curl_multi_socket_action(multi_, fd, flags, &still_running);
  finish_completed();
}

void HttpMulti::finish_completed() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    Exchange* exchange = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
    exchange->complete(code);
  }
}

}  // namespace heal::system
