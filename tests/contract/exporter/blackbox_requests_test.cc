// heal-exporter beside Debian's prometheus-blackbox-exporter 0.23: what each sends, and heads of answers that few
// servers write.
#include <map>

#include <catch2/catch.hpp>

#include "common/base/mutex.h"
#include "common/base/text.h"
#include "tests/contract/exporter/pair.h"
#include "tests/support/loopback_server.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

/// A request as it is compared: its first line, the headers in order of name without what the two programs may differ
/// in, and the body.
std::string comparable_request(const std::string& head, const std::string& body) {
  std::vector<std::string> lines;
  std::istringstream in(head);
  std::string first, line;
  std::getline(in, first);
  while (std::getline(in, line) && line != "\r") {
    const std::string name = to_lower(line.substr(0, line.find(':')));
    if (name == "user-agent" && line.find("Blackbox Exporter") != std::string::npos) continue;
    lines.push_back(name + line.substr(line.find(':')));
  }
  std::sort(lines.begin(), lines.end());
  for (const std::string& one : lines)
    first += "\n" + one;
  return first + "\n\n" + body;
}

/// A server that keeps what it is asked.
class RecordingServer {
 public:
  using Answer = std::function<std::string(const std::string& path)>;

  explicit RecordingServer(Answer answer) : answer_(std::move(answer)), server_([this](int fd) { serve(fd); }) {}

  /// What was asked since the last time.
  std::vector<std::string> take() {
    MutexLock lock(mutex_);
    return std::exchange(seen_, {});
  }
  const LoopbackServer& server() const { return server_; }

 private:
  void serve(int fd) {
    std::string text = read_head(fd);
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const std::string head = text.substr(0, end + 2);
    const std::size_t length_at = to_lower(head).find("\r\ncontent-length: ");
    const std::size_t length = length_at == std::string::npos ? 0 : std::stoul(head.substr(length_at + 18));
    std::string body = text.substr(end + 4);
    char buffer[4096];
    while (body.size() < length) {
      const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      body.append(buffer, static_cast<std::size_t>(got));
    }
    {
      MutexLock lock(mutex_);
      seen_.push_back(comparable_request(head + "\r\n", body));
    }
    const std::size_t path = head.find(' ') + 1;
    send_all(fd, answer_(head.substr(path, head.find(' ', path) - path)));
    ::shutdown(fd, SHUT_WR);
    read_to_end(fd);
  }

  Mutex mutex_;
  std::vector<std::string> seen_ HEAL_GUARDED_BY(mutex_);
  const Answer answer_;
  LoopbackServer server_;
};

std::string http_module(const std::string& name, const std::string& keys) {
  return "  " + name + ": {prober: http, timeout: 2s, http: {preferred_ip_protocol: ip4, " + keys + "}}\n";
}

class RequestPair : public ExporterPair {
 public:
  void begin(const std::string& modules) { start("modules:\n" + modules); }
  /// Both must find the same, and have asked the same.
  void compare(RecordingServer& server, const std::string& module, const std::string& target,
               const std::string& more = "") {
    CAPTURE(module, target, more);
    server.take();
    const Answers answers = probe(module, target, more);
    CHECK(answers.theirs.status == 200);
    CHECK(comparable(answers.ours.body) == comparable(answers.theirs.body));
    const std::vector<std::string> seen = server.take();
    const auto half = seen.begin() + static_cast<std::ptrdiff_t>(seen.size() / 2);
    CHECK(std::vector<std::string>(half, seen.end()) == std::vector<std::string>(seen.begin(), half));
  }
  std::string write(const std::string& name, const std::string& text) const {
    const std::string file = (folder_.path() / name).string();
    std::ofstream(file) << text;
    return file;
  }
  std::filesystem::path folder() const { return folder_.path(); }
};

TEST_CASE("credentials and headers of a module are sent as blackbox_exporter sends them, or not at all") {
  RecordingServer web([](const std::string&) { return http_answer("200 OK", "", "ok"); });
  RequestPair pair;
  const std::string padded = pair.write("padded", "\n secret \n\n"), two_lines = pair.write("two", "a\nX-Injected: 1");
  const std::map<std::string, std::string> modules{
      {"password_of_lines", "basic_auth: {username: u, password: \" secret\\n\"}"},
      {"password_file", "basic_auth: {username: u, password_file: " + padded + "}"},
      {"token_file", "bearer_token_file: " + padded},
      {"credentials_file", "authorization: {credentials_file: " + padded + "}"},
      {"injected", "authorization: {credentials: \"a\\nX-Injected: 1\"}"},
      {"injected_by_file", "bearer_token_file: " + two_lines},
      {"token_of_lines", "bearer_token: \"secret\\n\""},
      {"name_with_space", "headers: {'X A': b}"},
      {"name_with_colon", "headers: {'X:': b}"},
      {"value_with_control", "headers: {X-A: \"a\\x01b\"}"},
      {"value_with_tab", "headers: {X-A: \"a\\tb\"}"},
      {"lengths",
       "method: POST, body: hello, headers: {Content-Length: '9', Trailer: X-A, Transfer-Encoding: chunked}"},
      {"length_of_nothing", "headers: {Content-Length: '3'}"},
      {"length_zero", "method: POST, headers: {Content-Length: '0'}"},
      {"no_agent", "headers: {User-Agent: ''}"},
      {"own_agent", "headers: {user-agent: x}"},
      {"head", "method: HEAD, body: hello"},
  };
  std::string text;
  for (const auto& [name, keys] : modules)
    text += http_module(name, keys);
  pair.begin(text);
  for (const auto& [name, keys] : modules)
    pair.compare(web, name, web.server().url());
}

TEST_CASE("paths are written as Go writes them") {
  RecordingServer web([](const std::string&) { return http_answer("200 OK", "", "ok"); });
  RequestPair pair;
  pair.begin(http_module("web", ""));
  for (const char* path : {"/a\"b", "/a<b>c", "/\\^|`{}", "/%c3%a9", "/\xc3\xa9", "/\xc3\xa9%2f%41", "/!'()*[]",
                           "/a;b,c:d@e&f=g+h$", "/%41", "/~-_.", "/x?a=\"<>&b=%c3", "/a//b/../c", "/%", ""}) {
    pair.compare(web, "web", "http://" + web.server().address() + path);
  }
}

TEST_CASE("headers that tell who asks stay at the port that they are meant for") {
  RecordingServer there([](const std::string&) { return http_answer("200 OK", "", "ok"); });
  RecordingServer here([&](const std::string& path) {
    const std::string port = path == "/away" ? std::to_string(there.server().port()) : "";
    const std::string to = path == "/away" ? "http://127.0.0.1:" + port + "/x" : "/x";
    return path == "/x" ? http_answer("200 OK", "", "ok") : http_answer("302 Found", "Location: " + to + "\r\n", "");
  });
  RequestPair pair;
  pair.begin(http_module("web", "headers: {Authorization: secret, Cookie: c=d, X-A: b}"));
  pair.compare(here, "web", here.server().url("/stay"));
  pair.compare(there, "web", here.server().url("/away"));
}

TEST_CASE("a proxy is told what blackbox_exporter tells it") {
  RecordingServer proxy([](const std::string&) { return http_answer("200 OK", "", "ok"); });
  RequestPair pair;
  const std::string keys = "proxy_url: 'http://" + proxy.server().address() + "'";
  pair.begin(http_module("proxy", keys) + http_module("with_host", keys + ", headers: {Host: site.example}") +
             http_module("skips", keys + ", skip_resolve_phase_with_proxy: true"));
  for (const char* module : {"proxy", "with_host", "skips"})
    pair.compare(proxy, module, "http://localhost:8080/x");
  pair.compare(proxy, "proxy", "http://localhost/x?y", "&hostname=site.example");
  pair.compare(proxy, "proxy", "http://127.0.0.1:81/");
}

TEST_CASE("heads of answers that few servers write are read as blackbox_exporter reads them") {
  const std::string many(300, 'x');
  std::string long_head;
  for (int i = 0; i < 700; ++i)
    long_head += "X-" + std::to_string(i) + ": " + many + "\r\n";
  const auto of_length = [](const std::string& length) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + length + "\r\n\r\nhello";
  };
  const std::map<std::string, std::string> answers{
      {"/ok", http_answer("200 OK", "X-A: b\r\n", "ok")},
      {"/folded", "HTTP/1.1 200 OK\r\nX-A: b\r\n \t c\r\n\td\r\nContent-Length: 0\r\n\r\n"},
      {"/folded-first", "HTTP/1.1 200 OK\r\n X-A: b\r\nContent-Length: 5\r\n\r\nhello"},
      {"/to-folded-first", http_answer("302 Found", "X-A: b\r\nLocation: /folded-first\r\n", "")},
      {"/long", http_answer("200 OK", long_head, "x")},
      {"/list", of_length("5, 6")},
      {"/same-list", of_length("5, 5")},
      {"/plus", of_length("+5")},
      {"/fraction", of_length("5.0")},
      {"/hexadecimal", of_length("0x5")},
      {"/huge", of_length("99999999999999999999")},
      {"/no-body", "HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n"},
      {"/twice-chunked",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
  };
  RecordingServer web([&](const std::string& path) { return answers.at(path); });
  RequestPair pair;
  pair.begin(http_module("web", "") +
             http_module("folded", "fail_if_header_not_matches: [{header: X-A, regexp: '^b c d$'}]"));
  for (int round = 0; round < 3; ++round) {  // one answer must not change what is made of the next
    for (const auto& [path, answer] : answers) {
      if (path != "/no-body") pair.compare(web, "web", web.server().url(path));
    }
  }
  pair.compare(web, "folded", web.server().url("/folded"));
}

TEST_CASE("a name with a port is no name of a server, unless nobody verifies it") {
  RequestPair pair;
  TestAuthority authority(pair.folder());
  TlsTestServer server(authority.issue("server", {}), tls_http(http_answer("200 OK", "", "secret")));
  const std::string host = "headers: {Host: 'localhost:8443'}";
  pair.begin(http_module("insecure", host + ", tls_config: {insecure_skip_verify: true}") +
             http_module("named", "tls_config: {insecure_skip_verify: true, server_name: 'localhost:8443'}"));
  for (const char* module : {"insecure", "named"}) {
    const ExporterPair::Answers answers =
        pair.probe(module, "https://localhost:" + std::to_string(server.server().port()) + "/");
    CAPTURE(module);
    CHECK(comparable(answers.ours.body) == comparable(answers.theirs.body));
  }
}

}  // namespace
}  // namespace heal::test
