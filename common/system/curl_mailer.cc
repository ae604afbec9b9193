#include "common/system/curl_mailer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

#include <curl/curl.h>

#include "common/base/host_port.h"
#include "common/base/text.h"
#include "common/system/curl_handle.h"
#include "common/system/system_clock.h"
#include "common/system/transfer.h"

namespace heal {
namespace {

using MultiHandle = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;
using StringList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// Gives the library the text piece by piece.
struct MailReader {
  std::string_view rest;
};

std::size_t on_read(char* buffer, std::size_t size, std::size_t count, void* reader) {
  auto& rest = static_cast<MailReader*>(reader)->rest;
  const auto piece = rest.substr(0, size * count);
  std::memcpy(buffer, piece.data(), piece.size());
  rest.remove_prefix(piece.size());
  return piece.size();
}

/// The library waits for a server's farewell before it gives a connection up: who is not waited for any more must not
/// be waited for there either.
class Sockets {
 public:
  static curl_socket_t open(void* self, curlsocktype, curl_sockaddr* address) {
    const int fd = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0) static_cast<Sockets*>(self)->open_.insert(fd);
    return fd;
  }
  static int close(void* self, curl_socket_t fd) {
    static_cast<Sockets*>(self)->open_.erase(fd);
    return ::close(fd);
  }
  void cut() const {
    for (const int fd : open_)
      ::shutdown(fd, SHUT_RDWR);
  }

 private:
  std::set<int> open_;
};

bool is_address(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != '\x7f' && c != '<' && c != '>'; });
}

Status check_mail(const Mail& mail) {
  if (!is_address(mail.from) || mail.to.empty() || !std::all_of(mail.to.begin(), mail.to.end(), is_address))
    return make_error(ErrorCode::kInvalid, "a mail needs a sender and recipients whose addresses are plain");
  return {};
}

void set_up(CURL* easy, const MailServer& server, const Mail& mail, curl_slist* recipients, MailReader& reader,
            char* words) {
  const bool is_tls = server.security == MailServer::Security::kTls;
  const std::string url = (is_tls ? "smtps://" : "smtp://") + server.address;
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 24L * 3600 * 1000);  // the deadline is kept by our own loop
  curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, 24L * 3600);
  const std::string from = "<" + mail.from + ">";
  curl_easy_setopt(easy, CURLOPT_MAIL_FROM, from.c_str());
  curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients);
  curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, &on_read);
  curl_easy_setopt(easy, CURLOPT_READDATA, &reader);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, words);
  if (server.security == MailServer::Security::kStartTls)
    curl_easy_setopt(easy, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  if (server.login) {
    curl_easy_setopt(easy, CURLOPT_USERNAME, server.login->first.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, server.login->second.c_str());
  }
  if (server.ca_file) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, server.ca_file->c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
}

/// The server's last answer, 0 when there was none.
long last_answer(CURL* easy) {
  long code = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
  return code;
}

Error error_of(CURL* easy, CURLcode result, const std::string& name, const char* words) {
  const long code = last_answer(easy);
  const auto make = [&](ErrorCode kind, std::string_view what) {
    return make_error(kind, "{}: {}{}{}", name, what, code == 0 ? "" : fmt::format(" ({})", code),
                      *words == '\0' ? "" : ": " + to_lower(printable(trim(words), 200)));
  };
  switch (result) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
      return make(ErrorCode::kUnreachable, "could not connect as asked for");
    case CURLE_SSL_CACERT_BADFILE:
      return make(ErrorCode::kInvalid, "the file of trusted certificates cannot be read");
    case CURLE_LOGIN_DENIED:
      return make(ErrorCode::kUnauthorized, "login refused");
    default:
      break;
  }
  if (code == 530 || code == 535) return make(ErrorCode::kUnauthorized, "login refused");
  if (code >= 500 && code < 600) return make(ErrorCode::kRefused, "the mail is not taken");
  // A transient refusal is one all the same: the mail was not taken.
  if (code >= 400 && code < 500) return make(ErrorCode::kConflict, "the mail is not taken now");
  return make(ErrorCode::kUnavailable, "the connection broke");
}

Status drive(CURLM* multi, CURL* easy, const std::string& name, const char* words, Deadline deadline,
             const std::stop_token& stop) {
  const std::stop_callback wake_on_stop(stop, [multi] { curl_multi_wakeup(multi); });
  for (;;) {
    if (stop.stop_requested()) return make_error(ErrorCode::kCancelled, "{}: stopped", name);
    const Duration left = deadline - steady_time();
    if (left <= Duration::zero()) return make_error(ErrorCode::kTimeout, "{}: timed out", name);
    int running = 0;
    if (curl_multi_perform(multi, &running) != CURLM_OK)
      return make_error(ErrorCode::kUnavailable, "{}: the transfer cannot go on", name);
    if (const auto result = result_of(multi))
      return *result == CURLE_OK ? Status() : Status(error_of(easy, *result, name, words));
    const auto nap = std::chrono::ceil<std::chrono::milliseconds>(std::min(left, kLongestWait));
    curl_multi_poll(multi, nullptr, 0, static_cast<int>(nap.count()), nullptr);
  }
}

}  // namespace

CurlMailer::CurlMailer() {
  const Transfers initialises_the_library;
}

Status CurlMailer::send(const MailServer& server, const Mail& mail, Deadline deadline, std::stop_token stop) {
  HEAL_TRY_STATUS(HostPort::parse(server.address));
  HEAL_TRY_STATUS(check_mail(mail));
  const std::string name = "mail server " + server.address;
  Sockets sockets;  // outlives the library's connections
  const MultiHandle multi(curl_multi_init(), &curl_multi_cleanup);
  const EasyHandle easy(curl_easy_init(), &curl_easy_cleanup);
  if (!multi || !easy) return make_error(ErrorCode::kInternal, "{}: out of memory", name);
  StringList recipients(nullptr, &curl_slist_free_all);
  for (const std::string& to : mail.to)
    recipients.reset(curl_slist_append(recipients.release(), ("<" + to + ">").c_str()));
  MailReader reader{mail.text};
  std::array<char, CURL_ERROR_SIZE> words{};
  set_up(easy.get(), server, mail, recipients.get(), reader, words.data());
  curl_easy_setopt(easy.get(), CURLOPT_OPENSOCKETFUNCTION, &Sockets::open);
  curl_easy_setopt(easy.get(), CURLOPT_OPENSOCKETDATA, &sockets);
  curl_easy_setopt(easy.get(), CURLOPT_CLOSESOCKETFUNCTION, &Sockets::close);
  curl_easy_setopt(easy.get(), CURLOPT_CLOSESOCKETDATA, &sockets);
  if (curl_multi_add_handle(multi.get(), easy.get()) != CURLM_OK)
    return make_error(ErrorCode::kInternal, "{}: the transfer cannot begin", name);
  Status status = drive(multi.get(), easy.get(), name, words.data(), deadline, stop);
  sockets.cut();
  curl_multi_remove_handle(multi.get(), easy.get());
  return status;
}

}  // namespace heal
