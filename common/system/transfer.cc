#include "common/system/transfer.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include <curl/curl.h>

#include "common/base/text.h"
#include "common/system/curl_handle.h"
#include "common/system/system_clock.h"

namespace heal {
namespace {

constexpr std::size_t kMaxIdleHandles = 8;
constexpr std::size_t kMaxHeaderBytes = 256 * 1024;

using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

bool has_control_or_space(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= 0x20 || c == 0x7F; });
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
           c == '.';
  });
}

Status check_request(const TransferRequest& request) {
  const HttpClientRequest& http = request.http;
  const auto invalid = [&](std::string_view what) {
    return make_error(ErrorCode::kInvalid, "{}: {}", request.name, what);
  };
  const auto scheme = to_lower(http.url.substr(0, http.url.find("://")));
  if ((scheme != "http" && scheme != "https") || http.url.size() <= scheme.size() + 3) {
    return invalid("not a URL that begins with http:// or https://");
  }
  if (has_control_or_space(http.url)) return invalid("the URL has a space or a control character");
  if (!is_token(http.method)) return invalid("not a method of HTTP");
  for (const auto& [name, value] : http.headers) {
    if (!is_token(name) || has_line_break(value)) {
      return invalid(fmt::format("the header \"{}\" cannot be sent", printable(name)));
    }
  }
  return {};
}

/// What is received, filled by the library's callbacks.
struct Receiver {
  const TransferRequest& request;
  HttpClientResponse response;
  std::string fresh;  ///< streamed and not yet given to on_chunk
  std::size_t header_bytes = 0;
  bool too_large = false;
  bool is_cut = false;
  std::array<char, CURL_ERROR_SIZE> words{};  ///< the library's own, about what went wrong

  bool streams() const { return request.on_chunk && response.ok(); }

  std::size_t take_header(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > kMaxHeaderBytes) {
      too_large = true;
      return 0;
    }
    const std::size_t size = line.size();
    if (line.starts_with("HTTP/")) {  // of a new answer: interim ones (1xx) come before the one that counts
      response = {};
      const auto space = line.find(' ');
      if (space != std::string_view::npos) {
        response.status = static_cast<int>(parse_int(line.substr(space + 1, 3)).value_or(0));
      }
      return size;
    }
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) {
      response.headers.emplace_back(trim(line.substr(0, colon)), trim(line.substr(colon + 1)));
    }
    return size;
  }

  std::size_t take_body(std::string_view bytes) {
    if (streams()) {
      fresh += bytes;
      return bytes.size();
    }
    const std::size_t room = request.http.max_response_bytes - response.body.size();
    if (bytes.size() <= room) {
      response.body += bytes;
      return bytes.size();
    }
    is_cut = request.http.too_long == HttpClientRequest::TooLong::kCut;
    too_large = !is_cut;
    if (is_cut) response.body += bytes.substr(0, room);
    return 0;  // ends the transfer
  }
};

std::size_t on_header(char* data, std::size_t, std::size_t size, void* receiver) {
  return static_cast<Receiver*>(receiver)->take_header({data, size});
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* receiver) {
  return static_cast<Receiver*>(receiver)->take_body({data, size});
}

HeaderList make_headers(const HttpClientRequest& http) {
  HeaderList list(nullptr, &curl_slist_free_all);
  const auto append = [&](const std::string& line) { list.reset(curl_slist_append(list.release(), line.c_str())); };
  bool has_type = false;
  for (const auto& [name, value] : http.headers) {
    has_type = has_type || to_lower(name) == "content-type";
    append(value.empty() ? name + ";" : name + ": " + value);
  }
  append("Expect:");  // no waiting for 100 Continue
  if (!has_type) append("Content-Type:");
  return list;
}

void set_body(CURL* easy, const HttpClientRequest& http) {
  const bool usually_has_body = http.method == "POST" || http.method == "PUT" || http.method == "PATCH";
  if (!http.body.empty() || usually_has_body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(http.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, http.body.c_str());
  }
  if (http.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, http.method.c_str());
  }
}

void set_client_certificate(CURL* easy, const TransferRequest& request) {
  if (request.cert_file.empty()) return;
  curl_easy_setopt(easy, CURLOPT_SSLCERT, request.cert_file.c_str());
  curl_easy_setopt(easy, CURLOPT_SSLKEY, request.key_file.c_str());
  // Without one OpenSSL asks a terminal for the password of an encrypted key.
  curl_easy_setopt(easy, CURLOPT_KEYPASSWD, "");
  // Who changes the certificates of an engine expects the next call to use the new ones.
  curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
}

void set_security(CURL* easy, const HttpClientRequest& http) {
  if (http.basic_auth) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, http.basic_auth->first.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, http.basic_auth->second.c_str());
  }
  if (http.ca_file) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, http.ca_file->c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (http.insecure_skip_verify) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

void set_up(CURL* easy, const TransferRequest& request, Receiver& receiver, curl_slist* headers) {
  curl_easy_setopt(easy, CURLOPT_URL, request.http.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, request.on_connected ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer must not hold us back
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 24L * 3600 * 1000);  // the deadline is kept by our own loop
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "promheal");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &receiver);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, receiver.words.data());
  if (!request.http.unix_socket.empty()) {
    curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request.http.unix_socket.c_str());
  }
  if (request.until == TransferRequest::Until::kConnected) curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  set_body(easy, request.http);
  set_security(easy, request.http);
  set_client_certificate(easy, request);
}

ErrorCode code_of(CURLcode result) {
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
      return ErrorCode::kTimeout;
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return ErrorCode::kInvalid;
    case CURLE_UNSUPPORTED_PROTOCOL:  // http and https are allowed, so this is an answer that is not HTTP/1
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR:
      return ErrorCode::kProtocol;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_NOT_BUILT_IN:
      return ErrorCode::kInternal;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
      return ErrorCode::kUnreachable;
    default:
      return ErrorCode::kUnavailable;
  }
}

std::string untrusted_reason(CURL* easy) {
  constexpr long kExpired = 10;  // X509_V_ERR_CERT_HAS_EXPIRED
  long verdict = 0;
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
  return verdict == kExpired ? "the server's certificate has expired" : "the server's certificate is not trusted";
}

/// With TLS 1.3 a server says only after the handshake that it wants another client certificate.
bool is_certificate_alert(const char* words) {
  const std::string_view text(words);
  return text.find("alert") != std::string_view::npos &&
         (text.find("certificate") != std::string_view::npos || text.find("unknown ca") != std::string_view::npos);
}

std::string reason_of(CURL* easy, CURLcode result, const char* words) {
  if (is_certificate_alert(words)) return "the server does not accept our client certificate, or wants one";
  long os_error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_error);
  const bool by_os = result == CURLE_COULDNT_CONNECT || result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR;
  if (by_os && os_error != 0) return errno_error(static_cast<int>(os_error), "").message().substr(2);
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "could not resolve the name";
    case CURLE_COULDNT_CONNECT:
      return "could not connect";
    case CURLE_GOT_NOTHING:
      return "the connection was closed without an answer";
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return "the connection broke";
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
      return "the answer is not HTTP";
    case CURLE_PEER_FAILED_VERIFICATION:
      return untrusted_reason(easy);
    case CURLE_SSL_CERTPROBLEM:
      return "our client certificate or its key cannot be used";
    case CURLE_SSL_CACERT_BADFILE:
      return "the file of trusted certificates cannot be read";
    case CURLE_SSL_CONNECT_ERROR:
      return "the TLS handshake failed";
    case CURLE_URL_MALFORMAT:
      return "not a URL";
    default:
      return to_lower(curl_easy_strerror(result));
  }
}

/// Gives what has arrived to the sink.
StreamNext deliver(Receiver& receiver) {
  if (receiver.fresh.empty()) return StreamNext::kContinue;
  const std::string chunk = std::exchange(receiver.fresh, "");
  return receiver.request.on_chunk(chunk);
}

Result<HttpClientResponse> conclude(CURL* easy, CURLcode result, Receiver& receiver) {
  const std::string& name = receiver.request.name;
  if (receiver.too_large) {
    return make_error(ErrorCode::kTooLarge, "{}: the answer is larger than {} bytes", name,
                      receiver.request.http.max_response_bytes);
  }
  if (receiver.is_cut) return std::move(receiver.response);
  if (result != CURLE_OK)
    return make_error(code_of(result), "{}: {}", name, reason_of(easy, result, receiver.words.data()));
  return std::move(receiver.response);
}

/// Drives the transfer until it is over, `deadline` or `stop`.
Result<HttpClientResponse> drive(CURLM* multi, CURL* easy, Receiver& receiver, Deadline deadline,
                                 const std::stop_token& stop) {
  const std::string& name = receiver.request.name;
  const std::stop_callback wake_on_stop(stop, [multi] { curl_multi_wakeup(multi); });
  for (;;) {
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "{}: stopped", name);
    const Duration left = deadline - steady_time();
    if (left <= Duration::zero()) return make_error(ErrorCode::kTimeout, "{}: timed out", name);
    int running = 0;
    if (curl_multi_perform(multi, &running) != CURLM_OK) {
      return make_error(ErrorCode::kUnavailable, "{}: the transfer cannot go on", name);
    }
    if (deliver(receiver) == StreamNext::kEnd) return std::move(receiver.response);
    if (const auto result = result_of(multi)) return conclude(easy, *result, receiver);
    const auto nap = std::chrono::ceil<std::chrono::milliseconds>(std::min(left, kLongestWait));
    curl_multi_poll(multi, nullptr, 0, static_cast<int>(nap.count()), nullptr);
  }
}

void initialise_once() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

struct Transfers::Handle {
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi{curl_multi_init(), &curl_multi_cleanup};
};

Transfers::Transfers() {
  initialise_once();
}

Transfers::~Transfers() = default;

Result<HttpClientResponse> Transfers::run(const TransferRequest& request, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(check_request(request));
  auto handle = take_handle();
  const EasyHandle easy(curl_easy_init(), &curl_easy_cleanup);
  if (!handle->multi || !easy) return make_error(ErrorCode::kInternal, "{}: out of memory", request.name);
  Receiver receiver{request, {}, "", 0, false, {}};
  const HeaderList headers = make_headers(request.http);
  set_up(easy.get(), request, receiver, headers.get());
  if (curl_multi_add_handle(handle->multi.get(), easy.get()) != CURLM_OK) {
    return make_error(ErrorCode::kInternal, "{}: the transfer cannot begin", request.name);
  }
  auto response = drive(handle->multi.get(), easy.get(), receiver, deadline, stop);
  if (response && request.on_connected) {
    curl_socket_t socket = CURL_SOCKET_BAD;
    curl_easy_getinfo(easy.get(), CURLINFO_ACTIVESOCKET, &socket);
    const Status talked = socket == CURL_SOCKET_BAD
                              ? make_error(ErrorCode::kUnavailable, "{}: the connection is gone", request.name)
                              : request.on_connected(static_cast<int>(socket));
    if (!talked) response = talked.error();
  }
  curl_multi_remove_handle(handle->multi.get(), easy.get());
  give_back(std::move(handle));
  return response;
}

std::unique_ptr<Transfers::Handle> Transfers::take_handle() {
  MutexLock lock(mutex_);
  if (idle_.empty()) return std::make_unique<Handle>();
  auto handle = std::move(idle_.back());
  idle_.pop_back();
  return handle;
}

void Transfers::give_back(std::unique_ptr<Handle> handle) {
  MutexLock lock(mutex_);
  if (idle_.size() < kMaxIdleHandles) idle_.push_back(std::move(handle));
}

}  // namespace heal
