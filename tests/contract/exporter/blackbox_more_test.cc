// heal-exporter beside Debian's prometheus-blackbox-exporter 0.23: what stands on the edges of HTTP, proxies, OAuth2,
// dialogues with STARTTLS, names of ports, and the program's own families.
#include <map>

#include <catch2/catch.hpp>

#include "common/base/text.h"
#include "tests/contract/exporter/pair.h"
#include "tests/support/loopback_server.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

std::string path_of(const std::string& head) {
  const std::size_t begin = head.find(' ') + 1;
  return head.substr(begin, head.find(' ', begin) - begin);
}

bool has_line(const std::string& head, const std::string& line) {
  return to_lower(head).find("\r\n" + to_lower(line) + "\r\n") != std::string::npos;
}

/// The request line and the headers that tests ask about, whatever their order was.
std::string shown(const std::string& head) {
  std::string text = head.substr(0, head.find('\r'));
  for (const char* name : {"\r\nAuthorization:", "\r\nCookie:"}) {
    const std::size_t begin = head.find(name);
    if (begin != std::string::npos) text += head.substr(begin, head.find('\r', begin + 2) - begin);
  }
  return text;
}

const std::string kOk = http_answer("200 OK", "", "ok");

std::string edge_answer(const std::string& head) {
  static const std::map<std::string, std::string> kAnswers{
      {"/1xx", "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\n\r\n" + kOk},
      {"/many-1xx",
       "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n"
       "HTTP/1.1 102 P\r\n\r\nHTTP/1.1 102 P\r\n\r\n" +
           kOk},
      {"/999", http_answer("999 X", "", "")},
      {"/no-reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"},
      {"/line-feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"},
      {"/length-twice", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"},
      {"/length-differs", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"},
      {"/length-and-chunks",
       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
      {"/length-bad", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nok"},
      {"/length-negative", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok"},
      {"/chunk-bad", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n"},
      {"/chunk-cut", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"},
      {"/encoding-unknown", "HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\n\r\nhello"},
      {"/header-bad", "HTTP/1.1 200 OK\r\nnocolon\r\nContent-Length: 0\r\n\r\n"},
      {"/header-folded", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n"},
      {"/header-empty", http_answer("200 OK", "X-M:\r\n", "x")},
      {"/header-twice", http_answer("200 OK", "X-M: one\r\nX-M: two\r\n", "x")},
      {"/date-one-digit", http_answer("200 OK", "Last-Modified: Sun, 6 Nov 1994 08:49:37 GMT\r\n", "")},
      {"/date-zone", http_answer("200 OK", "Last-Modified: Sun, 06 Nov 1994 08:49:37 +0100\r\n", "")},
      {"/date-weekday", http_answer("200 OK", "Last-Modified: Mon, 06 Nov 1994 08:49:37 GMT\r\n", "")},
      {"/date-fraction", http_answer("200 OK", "Last-Modified: Sun, 06 Nov 1994 08:49:37.5 GMT\r\n", "")},
      {"/date-comma", http_answer("200 OK", "Last-Modified: Sun Nov  6 08:49:37,25 1994\r\n", "")},
      {"/date-point", http_answer("200 OK", "Last-Modified: Sun, 06 Nov 1994 08:49:37. GMT\r\n", "")},
      {"/latin1", http_answer("200 OK", "", "<t>caf\xe9 au lait</t>")},
      {"/to-space", http_answer("302 F", "Location: /a b\r\n", "")},
      {"/to-query", http_answer("302 F", "Location: ?x=1\r\n", "")},
      {"/to-fragment", http_answer("302 F", "Location: /x#frag\r\n", "")},
      {"/to-nothing", http_answer("302 F", "Location:\r\n", "")},
      {"/to-nowhere", http_answer("302 F", "Location: http://name.invalid/\r\n", "")},
      {"/to-bracket", http_answer("302 F", "Location: http://[::1/\r\n", "")},
      {"/to-escape", http_answer("302 F", "Location: /%zz\r\n", "")},
      {"/to-port", http_answer("302 F", "Location: http://127.0.0.1:port/\r\n", "")},
      {"/to-colon", http_answer("302 F", "Location: :x\r\n", "")},
      {"/to-gopher", http_answer("302 F", "Location: gopher://127.0.0.1/\r\n", "")},
      {"/to-mail", http_answer("302 F", "Location: mailto:x\r\n", "")},
      {"/to-no-host", http_answer("302 F", "Location: http:///x\r\n", "")},
      {"/300", http_answer("300 F", "Location: /x\r\n", "")},
      {"/303", http_answer("303 F", "Location: /echo\r\nSet-Cookie: a=b\r\n", "")},
      {"/308", http_answer("308 F", "Location: /echo\r\n", "")},
      {"/token", http_answer("200 OK", "Content-Type: application/json\r\n",
                             R"({"access_token":"t","token_type":"bearer","expires_in":3600})")},
      {"/token-bad", http_answer("400 Bad", "Content-Type: application/json\r\n", R"({"error":"x"})")},
      {"/token-none", http_answer("200 OK", "Content-Type: application/json\r\n", "{}")},
  };
  const std::string path = path_of(head);
  if (path.starts_with("http://")) return http_answer("200 OK", "", "proxied " + head.substr(0, head.find('\r')));
  if (path == "/need-token") return has_line(head, "Authorization: Bearer t") ? kOk : http_answer("401 No", "", "");
  const auto it = kAnswers.find(path.substr(0, path.find('?')));
  return it != kAnswers.end() ? it->second : http_answer("200 OK", "", shown(head));
}

std::string module_of(const std::string& name, const std::string& prober, const std::string& keys) {
  return "  " + name + ": {prober: " + prober + ", timeout: 2s, " + prober + ": {preferred_ip_protocol: ip4, " + keys +
         "}}\n";
}

class EdgePair : public ExporterPair {
 public:
  void begin(const std::string& modules) { start("modules:\n" + modules); }
  void compare(const std::string& module, const std::string& target) {
    CAPTURE(module, target);
    const Answers answers = probe(module, target);
    CHECK(answers.theirs.status == 200);
    CHECK(answers.ours.status == 200);
    CHECK(comparable(answers.ours.body) == comparable(answers.theirs.body));
  }
  std::filesystem::path folder() const { return folder_.path(); }
};

TEST_CASE("answers at the edge of HTTP are read as blackbox_exporter reads them") {
  LoopbackServer web(http_handler(edge_answer));
  EdgePair pair;
  pair.begin(module_of("web", "http", "") +
             module_of("codes", "http", "valid_status_codes: [999, 300], follow_redirects: false") +
             module_of("found", "http", "valid_status_codes: [302], follow_redirects: false") +
             module_of("get_after", "http", "method: POST, body: a=b, fail_if_body_not_matches_regexp: ['^GET .*']") +
             module_of("post_after", "http", "method: POST, body: a=b, fail_if_body_not_matches_regexp: ['^POST ']") +
             module_of("cookie", "http", "fail_if_body_not_matches_regexp: ['(?i)cookie: a=b']") +
             module_of("empty", "http", "fail_if_header_not_matches: [{header: X-M, regexp: '^$'}]") +
             module_of("second", "http", "fail_if_header_matches: [{header: x-m, regexp: two}]") +
             module_of("latin1", "http", "fail_if_body_not_matches_regexp: ['<t>.*</t>']") +
             module_of("gzip", "http", "compression: gzip, fail_if_body_not_matches_regexp: [x]") +
             module_of("nobody", "http", "authorization: {}, fail_if_body_matches_regexp: [Authorization]") +
             module_of("basic", "http", "basic_auth: {username: u, password: ''}") +
             module_of("key_alone", "http", "tls_config: {key_file: /nonexistent}"));
  for (const char* path : {"/1xx",
                           "/many-1xx",
                           "/999",
                           "/no-reason",
                           "/line-feeds",
                           "/length-twice",
                           "/length-differs",
                           "/length-and-chunks",
                           "/length-bad",
                           "/length-negative",
                           "/chunk-bad",
                           "/chunk-cut",
                           "/encoding-unknown",
                           "/header-bad",
                           "/header-folded",
                           "/header-empty",
                           "/date-one-digit",
                           "/date-zone",
                           "/date-weekday",
                           "/date-fraction",
                           "/date-comma",
                           "/date-point",
                           "/to-space",
                           "/to-query",
                           "/to-fragment",
                           "/to-nothing",
                           "/to-nowhere",
                           "/300",
                           "/%zz",
                           "/a%20b",
                           "/a b",
                           "?x",
                           "/#f"}) {
    pair.compare("web", "http://" + web.address() + path);
  }
  pair.compare("codes", web.url("/999"));
  pair.compare("codes", web.url("/300"));
  pair.compare("get_after", web.url("/303"));
  pair.compare("get_after", web.url("/308"));
  pair.compare("post_after", web.url("/308"));
  pair.compare("cookie", web.url("/303"));
  pair.compare("empty", web.url("/header-empty"));
  pair.compare("second", web.url("/header-twice"));
  pair.compare("latin1", web.url("/latin1"));
  pair.compare("gzip", web.url("/x"));
  pair.compare("nobody", web.url("/x"));
  pair.compare("basic", web.url("/x"));
  pair.compare("basic", "http://x:y@" + web.address() + "/x");
  pair.compare("key_alone", web.url("/x"));
  for (const char* path :
       {"/to-bracket", "/to-escape", "/to-port", "/to-colon", "/to-gopher", "/to-mail", "/to-no-host"}) {
    pair.compare("web", web.url(path));
    pair.compare("found", web.url(path));
  }
  for (const std::string& target :
       {std::string("HTTP://") + web.address() + "/", web.address() + "?x=y", std::string("ftp://127.0.0.1/"),
        std::string("http://[::1]:1/"), "http://localhost.:" + std::to_string(web.port()) + "/"}) {
    pair.compare("web", target);
  }
}

TEST_CASE("OAuth2 tokens and proxies are used as blackbox_exporter uses them") {
  LoopbackServer web(http_handler(edge_answer));
  const std::string closed = "127.0.0.1:" + std::to_string(free_port());
  const auto oauth2 = [&](const std::string& url, const std::string& secret = "client_secret: b") {
    return "oauth2: {client_id: a, " + secret + ", scopes: [x, y], endpoint_params: {k: v}, token_url: '" + url + "'}";
  };
  EdgePair pair;
  pair.begin(module_of("token", "http", oauth2(web.url("/token"))) +
             module_of("token_bad", "http", oauth2(web.url("/token-bad"))) +
             module_of("token_none", "http", oauth2(web.url("/token-none"))) +
             module_of("token_dead", "http", "fail_if_not_ssl: true, " + oauth2("http://" + closed + "/")) +
             module_of("token_file", "http", oauth2(web.url("/token"), "client_secret_file: /nonexistent")) +
             module_of("proxy", "http", "proxy_url: 'http://" + web.address() + "'") +
             module_of("proxy_skip", "http",
                       "skip_resolve_phase_with_proxy: true, proxy_url: 'http://" + web.address() + "'") +
             module_of("proxy_dead", "http", "proxy_url: 'http://" + closed + "'"));
  for (const char* module : {"token", "token", "token_bad", "token_none", "token_dead", "token_file"})
    pair.compare(module, web.url("/need-token"));
  pair.compare("token", "http://" + closed + "/");
  for (const char* module : {"proxy", "proxy_skip", "proxy_dead"}) {
    pair.compare(module, web.url("/x"));
    pair.compare(module, "http://name.invalid/");
  }
}

std::string line_of(SSL* ssl, int fd) {
  char buffer[512];
  const auto got =
      ssl != nullptr ? SSL_read(ssl, buffer, sizeof buffer) : static_cast<int>(::recv(fd, buffer, sizeof buffer, 0));
  return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
}

TEST_CASE("dialogues are held as blackbox_exporter holds them, STARTTLS and names of ports included") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::shared_ptr<SSL_CTX> context(TlsTestServer::make_context(authority.issue("mail", {})), SSL_CTX_free);
  LoopbackServer mail([&](int fd) {
    send_all(fd, "220 mail ESMTP\r\n");
    line_of(nullptr, fd);
    send_all(fd, "250-x\r\n250 STARTTLS\r\n");
    line_of(nullptr, fd);
    send_all(fd, "220 go\r\n");
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
    SSL_set_fd(ssl.get(), fd);
    if (SSL_accept(ssl.get()) != 1) return;
    if (line_of(ssl.get(), fd) == "EHLO again\n") SSL_write(ssl.get(), "250 secure\r\n", 12);
    line_of(ssl.get(), fd);
  });
  LoopbackServer lines([](int fd) {
    send_all(fd, "one\ntwo two\r\n\xff\xfe abc\xe9\nthree");
    ::shutdown(fd, SHUT_WR);
    read_to_end(fd);
  });
  const std::string smtp =
      "query_response: [{expect: '^220 (\\S+) ESMTP', send: 'EHLO $1'}, {expect: '^250 STARTTLS', send: STARTTLS}, "
      "{expect: '^220'}, {starttls: true}, {send: EHLO again}, {expect: '^250 secure'}]";
  EdgePair pair;
  pair.begin(module_of("tcp", "tcp", "") +
             module_of("smtp", "tcp", smtp + ", tls_config: {ca_file: " + authority.ca_file() + "}") +
             module_of("smtp_untrusted", "tcp", smtp) +
             module_of("in_order", "tcp", "query_response: [{expect: '^two (?P<w>two)$'}, {expect: '^three$'}]") +
             module_of("not_back", "tcp", "query_response: [{expect: '^two'}, {expect: '^one'}]") +
             module_of("no_utf8", "tcp", "query_response: [{expect: '^.. abc.$'}]") +
             module_of("empty", "tcp", "query_response: [{expect: '', send: x}, {expect: '^two'}]") +
             module_of("v6_word", "tcp", "ip_protocol_fallback: false") +
             module_of("dns", "dns", "query_name: a.test, transport_protocol: tcp"));
  const std::string local = "localhost:" + std::to_string(mail.port());
  pair.compare("smtp", local);
  pair.compare("smtp", mail.address());
  pair.compare("smtp_untrusted", local);
  for (const char* module : {"in_order", "not_back", "no_utf8", "empty"})
    pair.compare(module, lines.address());
  for (const char* target : {"127.0.0.1:tcpmux", "127.0.0.1:TCPMUX", "127.0.0.1:nosuch", "127.0.0.1:", ":1", "[::1]:1",
                             "::1:1", "127.0.0.1:-1", "127.0.0.1:65536", "http://127.0.0.1:1", "a b:1"}) {
    pair.compare("tcp", target);
  }
  pair.compare("v6_word", "[::1]:1");
  pair.compare("dns", "127.0.0.1:tcpmux");
  pair.compare("dns", "127.0.0.1:nosuch");
}

/// The HELP and TYPE lines of blackbox_exporter's own families, and their samples without values.
std::vector<std::string> own_families(const std::string& page) {
  std::vector<std::string> lines;
  std::istringstream in(page);
  for (std::string line; std::getline(in, line);) {
    const std::size_t name = line.starts_with("# ") ? line.find(' ', 2) + 1 : 0;
    if (line.compare(name, 9, "blackbox_") != 0) continue;
    if (line.front() != '#') {
      // Versions differ, names of labels do not.
      std::string bare;
      bool quoted = false;
      for (const char c : line.substr(0, line.rfind(' '))) {
        if (c == '"') quoted = !quoted;
        if (!quoted || c == '"') bare += c;
      }
      line = bare;
    }
    lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST_CASE("/metrics has blackbox_exporter's own families with their help and labels") {
  EdgePair pair;
  pair.begin("  m: {prober: tcp}\n");
  pair.ask("/probe?module=unknown&target=x");
  const EdgePair::Answers answers = pair.ask("/metrics");
  CHECK(own_families(answers.ours.body) == own_families(answers.theirs.body));
  for (const HttpClientResponse* page : {&answers.ours, &answers.theirs}) {
    CHECK(page->body.find("\nblackbox_module_unknown_total 1\n") != std::string::npos);
    CHECK(page->body.find("\nblackbox_exporter_config_last_reload_successful 1\n") != std::string::npos);
  }
}

}  // namespace
}  // namespace heal::test
