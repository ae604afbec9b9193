// heal-exporter beside Debian's prometheus-blackbox-exporter 0.23 on one configuration and the same local servers.
#include <map>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "tests/contract/exporter/pair.h"
#include "tests/support/loopback_server.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

const std::string kGzipHello(
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00", 25);

std::string web_answer(const std::string& head) {
  const std::string path = head.substr(head.find(' ') + 1, head.find(' ', head.find(' ') + 1) - head.find(' ') - 1);
  static const std::map<std::string, std::string> kAnswers{
      {"/", http_answer("200 OK", "X-Kind: plain\r\nLast-Modified: Sunday, 06-Nov-94 08:49:37 GMT\r\n", "hello")},
      {"/404", http_answer("404 Not Found", "", "gone")},
      {"/500", http_answer("500 Oops", "", "")},
      {"/204", "HTTP/1.1 204 No Content\r\n\r\n"},
      {"/304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"},
      {"/10", "HTTP/1.0 200 OK\r\n\r\nold style"},
      {"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"},
      {"/cut", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"},
      {"/empty", ""},
      {"/garbage", "SSH-2.0-OpenSSH_9.2\r\n"},
      {"/interim", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + http_answer("200 OK", "", "late")},
      {"/gzip", http_answer("200 OK", "Content-Encoding: gzip\r\n", kGzipHello)},
      {"/gzip-cut", http_answer("200 OK", "", kGzipHello.substr(0, 18))},
      {"/once", http_answer("302 Found", "Location: /\r\nSet-Cookie: a=b\r\n", "moved")},
      {"/twice", http_answer("307 Temporary", "Location: once\r\n", "")},
      {"/loop", http_answer("301 Moved", "Location: /loop\r\n", "")},
      {"/nowhere", http_answer("301 Moved", "Location: http://127.0.0.1:1/\r\n", "")},
      {"/no-location", http_answer("302 Found", "", "where")},
      {"/odd-scheme", http_answer("302 Found", "Location: ftp://127.0.0.1/\r\n", "")},
      {"/date-asctime", http_answer("200 OK", "Last-Modified: Sun Nov  6 08:49:37 1994\r\n", "")},
      {"/date-bad", http_answer("200 OK", "Last-Modified: yesterday\r\n", "")},
  };
  const auto it = kAnswers.find(path.substr(0, path.find('?')));
  if (it != kAnswers.end()) return it->second;
  return http_answer("200 OK", "", head);
}

std::string modules(const std::string& ca_file) {
  return R"(modules:
  http: &http {prober: http, timeout: 3s, http: {preferred_ip_protocol: ip4}}
  http6: {prober: http, timeout: 3s, http: {preferred_ip_protocol: ip6, ip_protocol_fallback: false}}
  any: {prober: http, timeout: 3s}
  head: {prober: http, timeout: 3s, http: {method: HEAD}}
  post: {prober: http, timeout: 3s, http: {method: POST, body: 'a=b', headers: {Content-Type: text/x}}}
  codes: {prober: http, timeout: 3s, http: {valid_status_codes: [404, 500]}}
  versions: {prober: http, timeout: 3s, http: {valid_http_versions: [HTTP/1.0]}}
  nofollow: {prober: http, timeout: 3s, http: {follow_redirects: false, valid_status_codes: [302]}}
  nofollow_old: {prober: http, timeout: 3s, http: {no_follow_redirects: yes}}
  nofollow_body: {prober: http, timeout: 3s, http: {follow_redirects: false, valid_status_codes: [302], fail_if_body_not_matches_regexp: [moved]}}
  not_ssl: {prober: http, timeout: 3s, http: {fail_if_not_ssl: true}}
  ssl: {prober: http, timeout: 3s, http: {fail_if_ssl: true, tls_config: {insecure_skip_verify: true}}}
  body: {prober: http, timeout: 3s, http: {fail_if_body_matches_regexp: ['h.llo']}}
  body_not: {prober: http, timeout: 3s, http: {fail_if_body_not_matches_regexp: ['(?i)HELLO', '^hello']}}
  header: {prober: http, timeout: 3s, http: {fail_if_header_matches: [{header: x-kind, regexp: plain}]}}
  header_not: {prober: http, timeout: 3s, http: {fail_if_header_not_matches: [{header: X-Kind, regexp: fancy}]}}
  header_missing: {prober: http, timeout: 3s, http: {fail_if_header_not_matches: [{header: X-None, regexp: x}]}}
  header_allowed: {prober: http, timeout: 3s, http: {fail_if_header_not_matches: [{header: X-None, regexp: x, allow_missing: true}]}}
  gzip: {prober: http, timeout: 3s, http: {compression: gzip, headers: {Accept-Encoding: gzip}}}
  deflate: {prober: http, timeout: 3s, http: {compression: deflate}}
  odd_compression: {prober: http, timeout: 3s, http: {compression: zip}}
  limit: {prober: http, timeout: 3s, http: {body_size_limit: 3B}}
  limit_gzip: {prober: http, timeout: 3s, http: {body_size_limit: 1KB, compression: gzip}}
  auth: {prober: http, timeout: 3s, http: {basic_auth: {username: u, password: p}}}
  auth_file: {prober: http, timeout: 3s, http: {bearer_token_file: /nonexistent}}
  bearer: {prober: http, timeout: 3s, http: {authorization: {type: Token, credentials: secret}}}
  ca: {prober: http, timeout: 3s, http: {tls_config: {ca_file: )" +
         ca_file + R"(}}}
  ca_missing: {prober: http, timeout: 3s, http: {tls_config: {ca_file: /nonexistent}}}
  insecure: {prober: http, timeout: 3s, http: {tls_config: {insecure_skip_verify: true}}}
  tcp: {prober: tcp, timeout: 3s, tcp: {preferred_ip_protocol: ip4}}
  tcp_banner: {prober: tcp, timeout: 1s, tcp: {query_response: [{expect: '^SSH-(\d)', send: 'v$1 ${1}x $1x'}, {expect: '^v2 2x $'}]}}
  tcp_wrong: {prober: tcp, timeout: 2s, tcp: {query_response: [{expect: '^never'}]}}
  tcp_tls: {prober: tcp, timeout: 3s, tcp: {tls: true, tls_config: {ca_file: )" +
         ca_file + R"(}}}
  tcp_tls_insecure: {prober: tcp, timeout: 3s, tcp: {tls: true, tls_config: {insecure_skip_verify: true}}}
  tcp_tls_untrusted: {prober: tcp, timeout: 3s, tcp: {tls: true}}
  tcp_source: {prober: tcp, timeout: 3s, tcp: {source_ip_address: 127.0.0.1}}
  tcp_source_bad: {prober: tcp, timeout: 3s, tcp: {source_ip_address: nonsense}}
)";
}

/// Both programs, and the servers that they probe.
class Pair : public ExporterPair {
 public:
  Pair()
      : authority_(folder_.path()),
        web_(http_handler(web_answer)),
        tls_(authority_.issue("server", {}), tls_http(http_answer("200 OK", "", "secret"))),
        expired_(authority_.issue("expired", {"localhost", "DNS:localhost,IP:127.0.0.1", -60}), tls_http("")),
        banner_([](int fd) {
          send_all(fd, "SSH-2.0-x\r\n");
          char buffer[256];
          const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
          if (got > 0) send_all(fd, std::string_view(buffer, static_cast<std::size_t>(got)));
        }),
        silent_([](int fd) { read_to_end(fd); }) {
    start(modules(authority_.ca_file()));
  }

  std::string web(const std::string& path) const { return "http://localhost:" + port(web_) + path; }
  static std::string port(const LoopbackServer& server) { return std::to_string(server.port()); }

 private:
  TestAuthority authority_;

 public:
  LoopbackServer web_;
  TlsTestServer tls_, expired_;
  LoopbackServer banner_, silent_;
};

TEST_CASE("heal-exporter answers /probe as blackbox_exporter does") {
  Pair pair;
  const std::string closed = "127.0.0.1:" + std::to_string(free_port());
  const std::string tls = "localhost:" + pair.port(pair.tls_.server());
  const std::string expired = "localhost:" + pair.port(pair.expired_.server());
  const std::string banner = pair.banner_.address(), silent = pair.silent_.address();
  std::vector<std::pair<std::string, std::string>> probes{{"http", pair.web_.address()},
                                                          {"http", "http://user:pass@" + pair.web_.address() + "/"},
                                                          {"http6", pair.web("/")},
                                                          {"head", pair.web_.url("/")},
                                                          {"post", pair.web_.url("/once")},
                                                          {"codes", pair.web_.url("/404")},
                                                          {"codes", pair.web_.url("/")},
                                                          {"versions", pair.web_.url("/10")},
                                                          {"versions", pair.web_.url("/")},
                                                          {"nofollow", pair.web_.url("/once")},
                                                          {"nofollow_old", pair.web_.url("/once")},
                                                          {"nofollow_body", pair.web_.url("/once")},
                                                          {"not_ssl", pair.web_.url("/")},
                                                          {"ssl", "https://" + tls},
                                                          {"body", pair.web_.url("/")},
                                                          {"body", pair.web_.url("/204")},
                                                          {"body", pair.web_.url("/cut")},
                                                          {"body", pair.web_.url("/404")},
                                                          {"body_not", pair.web_.url("/")},
                                                          {"body_not", pair.web_.url("/chunked")},
                                                          {"body_not", pair.web_.url("/204")},
                                                          {"header", pair.web_.url("/")},
                                                          {"header_not", pair.web_.url("/")},
                                                          {"header_missing", pair.web_.url("/")},
                                                          {"header_allowed", pair.web_.url("/")},
                                                          {"gzip", pair.web_.url("/gzip")},
                                                          {"gzip", pair.web_.url("/")},
                                                          {"gzip", pair.web_.url("/gzip-cut")},
                                                          {"deflate", pair.web_.url("/")},
                                                          {"odd_compression", pair.web_.url("/")},
                                                          {"limit", pair.web_.url("/")},
                                                          {"limit_gzip", pair.web_.url("/gzip")},
                                                          {"auth", pair.web_.url("/")},
                                                          {"auth_file", pair.web_.url("/")},
                                                          {"bearer", pair.web_.url("/")},
                                                          {"ca", "https://" + tls},
                                                          {"ca", "https://127.0.0.1:" + pair.port(pair.tls_.server())},
                                                          {"ca", "https://localhost.:" + pair.port(pair.tls_.server())},
                                                          {"ca", "https://" + expired},
                                                          {"ca_missing", pair.web_.url("/")},
                                                          {"insecure", "https://" + tls},
                                                          {"insecure", "https://" + expired},
                                                          {"http", "https://" + tls},
                                                          {"http", "https://" + banner},
                                                          {"http", "http://" + closed},
                                                          {"http", "http://name.invalid/"},
                                                          {"http", "http://[::1"},
                                                          {"http", "http:// x"},
                                                          {"tcp", banner},
                                                          {"tcp", "localhost:" + pair.port(pair.banner_)},
                                                          {"tcp", closed},
                                                          {"tcp", "localhost"},
                                                          {"tcp", "name.invalid:1"},
                                                          {"tcp", "127.0.0.1:99999"},
                                                          {"tcp_banner", banner},
                                                          {"tcp_banner", silent},
                                                          {"tcp_wrong", banner},
                                                          {"tcp_tls", tls},
                                                          {"tcp_tls_insecure", tls},
                                                          {"tcp_tls_insecure", expired},
                                                          {"tcp_tls_untrusted", tls},
                                                          {"tcp_tls", banner},
                                                          {"tcp_source", banner},
                                                          {"tcp_source_bad", banner}};
  for (const char* path :
       {"/", "/404", "/500", "/204", "/304", "/10", "/chunked", "/cut", "/empty", "/garbage", "/interim", "/once",
        "/twice", "/loop", "/nowhere", "/no-location", "/odd-scheme", "/date-asctime", "/date-bad"}) {
    probes.emplace_back("any", pair.web_.url(path));
  }
  for (const auto& [module, target] : probes) {
    CAPTURE(module, target);
    const Pair::Answers answers = pair.ask("/probe?module=" + module + "&target=" + escaped(target));
    CHECK(answers.theirs.status == 200);
    CHECK(answers.ours.status == 200);
    CHECK(comparable(answers.ours.body) == comparable(answers.theirs.body));
  }
}

TEST_CASE("heal-exporter refuses requests as blackbox_exporter does") {
  Pair pair;
  const std::string target = "&target=" + escaped(pair.web_.url("/"));
  const std::vector<std::string> paths{"/probe",     "/probe?module=none" + target, "/probe?module=http",
                                       "/logs?id=x", "/probe?module=http&target=",  "/logs?id=99999"};
  for (const std::string& path : paths) {
    CAPTURE(path);
    const Pair::Answers answers = pair.ask(path);
    CHECK(answers.ours.status == answers.theirs.status);
    CHECK(answers.ours.body == answers.theirs.body);
  }
  const Pair::Answers bad_header =
      pair.ask("/probe?module=http" + target, {{"X-Prometheus-Scrape-Timeout-Seconds", "soon"}});
  CHECK(bad_header.ours.status == bad_header.theirs.status);
  const Pair::Answers hostname = pair.ask("/probe?module=http&hostname=other.example" + target);
  CHECK(comparable(hostname.ours.body) == comparable(hostname.theirs.body));
}

TEST_CASE("the scrape's time-out, less the offset, ends a probe in both") {
  Pair pair;
  const std::string path = "/probe?module=tcp_wrong&target=" + escaped(pair.silent_.address());
  const Pair::Answers answers = pair.ask(path, {{"X-Prometheus-Scrape-Timeout-Seconds", "2.0"}});
  CHECK(comparable(answers.ours.body) == comparable(answers.theirs.body));
  CHECK(answers.ours.body.find("heal_probe_failure_info{phase=\"expect\",reason=\"timeout\"} 1\n") !=
        std::string::npos);
}

}  // namespace
}  // namespace heal::test
