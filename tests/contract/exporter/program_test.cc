// heal-exporter as a program: signals, reloads, its own pages.
#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "common/base/base64.h"
#include "common/httpd/listen.h"
#include "common/system/posix_process_runner.h"
#include "heal_test_paths.h"
#include "tests/contract/exporter/programs.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::test {
namespace {

/// heal-exporter on a file that the test rewrites.
class Exporter {
 public:
  explicit Exporter(const std::string& config, const std::vector<std::string>& more = {},
                    const std::string& prefix = "")
      : port_(free_port()) {
    write(config);
    std::vector<std::string> command{HEAL_BIN_DIR "/heal-exporter", "--config.file=" + file(),
                                     "--web.listen-address=127.0.0.1:" + std::to_string(port_), "--log.level=error"};
    command.insert(command.end(), more.begin(), more.end());
    program_.emplace(std::move(command));
    client.wait_until([&] { return client.get(port_, prefix + "/-/healthy").status == 200; });
  }
  HttpClientResponse answer(const std::string& path) { return client.get(port_, path); }
  void write(const std::string& config) const { std::ofstream(file()) << config; }
  std::string file() const { return (folder_.path() / "exporter.yml").string(); }
  std::string get(const std::string& path, const HttpHeaders& headers = {}) {
    return client.get(port_, path, headers).body;
  }
  HttpClientResponse reload() { return client.send("POST", port_, "/-/reload"); }
  /// A connection of its own on which `bytes` were sent.
  ScopedFd send(const std::string& bytes) const {
    ScopedFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(send_all(fd.get(), bytes));
    return fd;
  }
  void hang_up() const { program_->signal(SIGHUP); }
  bool shows(const std::string& line) { return get("/metrics").find("\n" + line + "\n") != std::string::npos; }

  Client client;

 private:
  TempFolder folder_;
  std::uint16_t port_;
  std::optional<Program> program_;
};

TEST_CASE("a good file is taken over on reload and on SIGHUP; a bad one changes nothing and is explained") {
  Exporter exporter("modules: {first: {prober: tcp}}\n");
  CHECK(exporter.shows("heal_exporter_config_last_reload_successful 1"));
  exporter.write("modules: {second: {prober: tcp}}\n");
  CHECK(exporter.reload().status == 200);
  CHECK(exporter.get("/config").starts_with("modules:\n  second:\n"));
  exporter.write("modules: {third: {prober: htttp}}\n");
  const HttpClientResponse refused = exporter.reload();
  CHECK(refused.status == 500);
  CHECK(refused.body.find("exporter.yml:1:27: error: ") != std::string::npos);
  CHECK(refused.body.find("did you mean \"http\"?") != std::string::npos);
  CHECK(exporter.get("/config").starts_with("modules:\n  second:\n"));
  CHECK(exporter.shows("heal_exporter_config_last_reload_successful 0"));
  CHECK(exporter.shows("blackbox_exporter_config_last_reload_successful 0"));
  exporter.write("modules: {fourth: {prober: tcp}}\n");
  exporter.hang_up();
  exporter.client.wait_until([&] { return exporter.get("/config").starts_with("modules:\n  fourth:\n"); });
  exporter.client.wait_until([&] { return exporter.shows("heal_exporter_config_last_reload_successful 1"); });
}

TEST_CASE("the first page says that the configuration is loaded, although there is much to begin with") {
  std::string config = "modules: {m: {prober: tcp}}\nprobes: [{name: p, module: m, interval: 1h, targets: [";
  for (int i = 0; i < 20'000; ++i)
    config += "'127.1." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ":1',";
  Exporter exporter(config + "]}]\n");
  CHECK(exporter.shows("heal_exporter_config_last_reload_successful 1"));
}

TEST_CASE("scheduled probes show a failure with its reason, and the page passes promtool") {
  LoopbackServer server([](int fd) { read_to_end(fd); });
  const std::string closed = "127.0.0.1:" + std::to_string(free_port());
  Exporter exporter("modules: {m: {prober: tcp}}\nprobes: [{name: p, module: m, interval: 100ms, targets: ['" +
                    server.address() + "', '" + closed + "']}]\n");
  const auto labels = [](const std::string& target) { return "{module=\"m\",probe=\"p\",target=\"" + target + "\""; };
  exporter.client.wait_until([&] { return exporter.shows("heal_probe_success" + labels(server.address()) + "} 1"); });
  exporter.client.wait_until([&] {
    return exporter.shows("heal_probe_failure_info" + labels(closed) + ",phase=\"connect\",reason=\"refused\"} 1");
  });
  const std::string page = exporter.file() + ".metrics";
  std::ofstream(page) << exporter.get("/metrics");
  CHECK(std::system(("promtool check metrics < " + page).c_str()) == 0);
}

/// An HTTP server that answers its first `failures` requests with 503.
class FlakyServer {
 public:
  explicit FlakyServer(int failures) : failures_(failures) {}
  std::string url() const { return server_.url(); }
  int asked() const { return asked_; }

 private:
  void answer(int fd) {
    read_head(fd);
    const bool fails = asked_.fetch_add(1) < failures_;
    send_all(fd, fails ? "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                       : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  }

  const int failures_;
  std::atomic<int> asked_{0};
  LoopbackServer server_{[this](int fd) { answer(fd); }};
};

bool shows_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST_CASE("a failure that a re-probe does not confirm is a failure of the first attempt, and told apart") {
  FlakyServer server(1);
  Exporter exporter("modules: {m: {prober: http, confirm: {attempts: 3, interval: 1ms}}, plain: {prober: http}}\n");
  const std::string body = exporter.get("/probe?module=m&target=" + server.url());
  CHECK(server.asked() == 2);
  CHECK(shows_line(body, "probe_success 0"));
  CHECK(shows_line(body, "probe_http_status_code 503"));
  CHECK(shows_line(body, "heal_probe_failure_info{phase=\"status\",reason=\"unexpected_status\"} 1"));
  CHECK(shows_line(body, "heal_probe_confirmed 0"));
  CHECK(shows_line(body, "heal_probe_confirm_attempts 1"));
  const std::string well = exporter.get("/probe?module=m&target=" + server.url());
  CHECK(shows_line(well, "probe_success 1"));
  CHECK(shows_line(well, "heal_probe_confirmed 0"));
  CHECK(shows_line(well, "heal_probe_confirm_attempts 0"));
  CHECK(exporter.get("/probe?module=plain&target=" + server.url()).find("heal_probe_") == std::string::npos);
  CHECK(exporter.get("/config").find("    confirm:\n      attempts: 3\n") != std::string::npos);
}

TEST_CASE("a failure that lasts is confirmed, by /probe and by a scheduled probe, and the pages pass promtool") {
  FlakyServer server(1'000'000);
  Exporter exporter(
      "modules: {m: {prober: http, timeout: 5s, confirm: {attempts: 2, interval: 1ms}}}\n"
      "probes: [{name: p, module: m, interval: 1s, targets: ['" +
      server.url() + "']}]\n");
  const std::string body = exporter.get("/probe?module=m&target=" + server.url());
  CHECK(shows_line(body, "probe_success 0"));
  CHECK(shows_line(body, "heal_probe_confirmed 1"));
  CHECK(shows_line(body, "heal_probe_confirm_attempts 2"));
  const std::string labels = "{module=\"m\",probe=\"p\",target=\"" + server.url() + "\"}";
  exporter.client.wait_until([&] { return exporter.shows("heal_probe_confirmed" + labels + " 1"); });
  CHECK(exporter.shows("heal_probe_success" + labels + " 0"));
  const std::string page = exporter.file() + ".metrics";
  for (const std::string& text : {body, exporter.get("/metrics")}) {
    std::ofstream(page) << text;
    CHECK(std::system(("promtool check metrics < " + page).c_str()) == 0);
  }
}

TEST_CASE("a target that hangs is confirmed where the scrape leaves time, and not called confirmed where it does not") {
  LoopbackServer server([](int fd) { read_to_end(fd); });
  Exporter exporter(
      "modules: {m: {prober: http, timeout: 100ms, confirm: {attempts: 1, interval: 1ms, within: 20s}}}\n");
  const std::string path = "/probe?module=m&target=" + server.url();
  const std::string body = exporter.get(path);
  CHECK(shows_line(body, "heal_probe_failure_info{phase=\"response\",reason=\"timeout\"} 1"));
  CHECK(shows_line(body, "heal_probe_confirmed 1"));
  CHECK(shows_line(body, "heal_probe_confirm_attempts 1"));
  const std::string hurried = exporter.get(path, {{"X-Prometheus-Scrape-Timeout-Seconds", "0.6"}});
  CHECK(shows_line(hurried, "probe_success 0"));
  CHECK(shows_line(hurried, "heal_probe_confirm_attempts 0"));
  CHECK(hurried.find("heal_probe_confirmed") == std::string::npos);
}

TEST_CASE("nobody is asked again for a client that has left") {
  FlakyServer server(1'000'000);
  // A minute is more than the test waits for.
  Exporter exporter("modules: {m: {prober: http, timeout: 100s, confirm: {attempts: 1, interval: 60s}}}\n");
  {
    const ScopedFd client =
        exporter.send("GET /probe?module=m&target=" + server.url() + " HTTP/1.1\r\nHost: x\r\n\r\n");
    exporter.client.wait_until([&] { return server.asked() == 1; });
    CHECK(exporter.shows("heal_exporter_probes_in_flight 1"));
  }
  exporter.client.wait_until([&] { return exporter.shows("heal_exporter_probes_in_flight 0"); });
  CHECK(server.asked() == 1);
}

TEST_CASE("targets of files come and go without a reload, and their series with them") {
  LoopbackServer server([](int fd) { read_to_end(fd); });
  Exporter exporter(
      "modules: {m: {prober: tcp}}\nprobes: [{name: p, module: m, interval: 100ms, file_sd: [sd.json]}]\n");
  const auto name = [&](const std::string& env) {
    return "heal_probe_up{env=\"" + env + "\",module=\"m\",probe=\"p\",target=\"" + server.address() + "\"}";
  };
  const auto write = [&](const std::string& env) {
    std::ofstream(exporter.file() + ".new")
        << R"([{"targets": [")" << server.address() << R"("], "labels": {"env": ")" << env << R"("}}])";
    std::filesystem::rename(exporter.file() + ".new", std::filesystem::path(exporter.file()).parent_path() / "sd.json");
  };
  write("first");
  exporter.client.wait_until([&] { return exporter.shows(name("first") + " 1"); });
  write("second");
  exporter.client.wait_until([&] { return exporter.shows(name("second") + " 1"); });
  CHECK(exporter.get("/metrics").find(name("first")) == std::string::npos);
  CHECK(exporter.get("/").find("env=second") != std::string::npos);
}

TEST_CASE("hostname= names a tcp target for TLS") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  CertificateSpec spec;
  spec.alternative_names = "DNS:site.example";
  TlsTestServer server(authority.issue("site", spec), [](SSL* ssl) { SSL_shutdown(ssl); });
  Exporter exporter("modules: {tls: {prober: tcp, tcp: {tls: true, tls_config: {ca_file: " + authority.ca_file() +
                    "}}}}\n");
  const std::string probe = "/probe?module=tls&target=" + server.server().address();
  CHECK(exporter.get(probe).find("\nprobe_success 0\n") != std::string::npos);
  CHECK(exporter.get(probe + "&hostname=site.example").find("\nprobe_success 1\n") != std::string::npos);
}

/// A file's text as it stands in quotes in YAML.
std::string quoted_text(const std::string& path) {
  std::ifstream file(path);
  std::string quoted, line;
  while (std::getline(file, line))
    quoted += line + "\\n";
  return quoted;
}

TEST_CASE("what a module keeps secret is on no page, however far its probe gets") {
  const TempFolder folder;
  TestAuthority authority(folder.path());
  const std::string base = authority.issue("client", {});
  const std::string key = quoted_text(base + ".key");
  LoopbackServer web(http_handler([](const std::string& head) {
    const bool has_all = head.find("X-A: topsecret") != std::string::npos &&
                         head.find("Basic " + base64("topsecret:topsecret")) != std::string::npos;
    return http_answer(has_all ? "500 Broken" : "400 Incomplete", "", "");
  }));
  const std::string file = folder.write("header", "topsecret");
  const std::string http = "\n    prober: http\n    http:\n      http_headers: {X-A: {secrets: [topsecret], files: [" +
                           file + "]}}\n      tls_config: {cert: \"" + quoted_text(base + ".pem") + key +
                           "\", key: \"" + key + "\"}\n      basic_auth: {username_file: " + file +
                           ", password: topsecret}\n";
  Exporter exporter("modules:\n  direct:" + http + "  proxied:" + http +
                    "      proxy_url: http://u:topsecret@127.0.0.1:" + std::to_string(free_port()) +
                    "\n      proxy_connect_header: {X-P: [topsecret]}\n");
  const auto page_of = [&](const std::string& module) {
    return exporter.get("/probe?debug=true&module=" + module + "&target=" + web.address());
  };
  const std::string direct = page_of("direct"), proxied = page_of("proxied");
  CHECK(shows_line(direct, "probe_http_status_code 500"));
  CHECK(shows_line(proxied, "heal_probe_failure_info{phase=\"connect\",reason=\"refused\"} 1"));
  const std::string base64_of_key = key.substr(key.find("\\n") + 2, 60);
  for (const std::string& page : {exporter.get("/config"), direct, proxied, exporter.get("/logs?id=1")}) {
    CAPTURE(page);
    CHECK_FALSE(page.empty());
    CHECK(page.find("topsecret") == std::string::npos);
    CHECK(page.find(base64_of_key) == std::string::npos);
  }
  CHECK(exporter.get("/config").find("username_file: ") != std::string::npos);
}

TEST_CASE("what cannot be a host's name is refused as hostname=") {
  LoopbackServer web(http_handler([](const std::string&) { return http_answer("200 OK", "", ""); }));
  Exporter exporter("modules: {web: {prober: http}, lines: {prober: tcp}, ping: {prober: icmp}}\n");
  const auto status = [&](const std::string& module, const std::string& hostname) {
    return exporter.answer("/probe?module=" + module + "&target=" + web.address() + "&hostname=" + hostname).status;
  };
  for (const char* module : {"web", "lines"}) {
    CAPTURE(module);
    for (const char* name : {"evil%00x", "%00", ".site.example", "a%0d%0ab", "site.example/x", "u@site.example"}) {
      CAPTURE(name);
      CHECK(status(module, name) == 400);
    }
    for (const char* name : {"", "site.example", "site.example.:8080", "[::1]:80", "10.0.0.1", "m%C3%BCller.example"}) {
      CAPTURE(name);
      CHECK(status(module, name) == 200);
    }
  }
  CHECK(exporter.get("/probe?module=lines&target=" + web.address() + "&hostname=.x") ==
        "Bad hostname parameter: the host name \".x\" begins with a dot\n");
  CHECK(status("ping", ".site.example") == 200);
}

TEST_CASE("allow_targets holds for /probe") {
  LoopbackServer server([](int fd) { read_to_end(fd); });
  Exporter exporter("modules: {m: {prober: tcp}}\nallow_targets: ['10.0.0.0/8']\n");
  const std::string body = exporter.get("/probe?module=m&target=" + server.address());
  CHECK(body.find("heal_probe_failure_info{phase=\"target\",reason=\"not_allowed\"} 1\n") != std::string::npos);
  CHECK(body.find("\nprobe_success 0\n") != std::string::npos);
}

TEST_CASE("deny_targets holds for /probe, whatever allow_targets say") {
  LoopbackServer server([](int fd) { read_to_end(fd); });
  Exporter exporter(
      "modules: {m: {prober: tcp}, p: {prober: icmp}, d: {prober: dns, dns: {query_name: a}}}\n"
      "allow_targets: ['0.0.0.0/0', '::/0', '*.test']\ndeny_targets: ['127.0.0.0/8', '::1']\n");
  const std::string port = ":" + std::to_string(server.port());
  for (const std::string& query :
       {"module=m&target=127.0.0.1" + port, "module=m&target=localhost" + port, "module=m&target=0.0.0.0" + port,
        "module=m&target=[::ffff:127.0.0.1]" + port, "module=m&target=[::]" + port,
        std::string("module=p&target=127.0.0.1"), std::string("module=d&target=127.0.0.1")}) {
    CAPTURE(query);
    const std::string body = exporter.get("/probe?" + query);
    CHECK(body.find("heal_probe_failure_info{phase=\"target\",reason=\"not_allowed\"} 1\n") != std::string::npos);
  }
}

TEST_CASE("below a prefix every route is there, and / leads to the external URL") {
  LoopbackServer server([](int fd) { read_to_end(fd); });
  Exporter exporter("modules: {m: {prober: tcp}}\n", {"--web.external-url=https://proxy.example/bb/"}, "/bb");
  CHECK(exporter.get("/bb/probe?module=m&target=" + server.address()).find("\nprobe_success 1\n") != std::string::npos);
  for (const char* path : {"/bb/", "/bb/metrics", "/bb/config", "/bb/logs?id=0", "/bb/-/ready"}) {
    CAPTURE(path);
    CHECK(exporter.answer(path).status == 200);
  }
  for (const char* path : {"/metrics", "/probe", "/-/healthy"})
    CHECK(exporter.answer(path).status == 404);
  const HttpClientResponse root = exporter.answer("/");
  CHECK(root.status == 302);
  CHECK(std::count(root.headers.begin(), root.headers.end(),
                   HttpHeaders::value_type("Location", "https://proxy.example/bb/")) == 1);
}

TEST_CASE("hostile targets stay text on every page") {
  Exporter exporter("modules: {m: {prober: tcp}}\n");
  exporter.get("/probe?module=m&target=%3Cscript%3Ealert(1)%3C/script%3E%0d%0aX:y");
  const std::string page = exporter.get("/");
  CHECK(page.find("<script>") == std::string::npos);
  CHECK(page.find("&lt;script&gt;alert(1)&lt;/script&gt;") != std::string::npos);
}

/// heal-exporter, started as a service manager does it: with the socket that `server` listens on as descriptor 3.
std::vector<std::string> by_systemd(const std::vector<std::string>& flags, const std::string& before) {
  const std::string program = HEAL_BIN_DIR "/heal-exporter";
  std::vector<std::string> command{"/bin/bash", "-c", before + " exec \"$0\" \"$@\"", program, "--web.systemd-socket"};
  command.insert(command.end(), flags.begin(), flags.end());
  return command;
}

TEST_CASE("--web.systemd-socket serves on what systemd passes and leaves the listen address alone") {
  TempFolder folder;
  const std::string file = (folder.path() / "exporter.yml").string();
  std::ofstream(file) << "modules: {m: {prober: tcp}}\n";
  const std::uint16_t other = free_port();
  httpd::Listener listener = httpd::bind_listener({"", "127.0.0.1", 0}, {}).value();
  const std::string number = std::to_string(listener.fd.get());
  ::fcntl(listener.fd.get(), F_SETFD, 0);  // the shell makes it number 3
  Program program(by_systemd(
      {"--config.file=" + file, "--log.level=error", "--web.listen-address=127.0.0.1:" + std::to_string(other)},
      "export LISTEN_PID=$$ LISTEN_FDS=1; exec 3<&" + number + ";"));
  Client client;
  client.wait_until([&] { return client.get(listener.port, "/-/healthy").status == 200; });
  CHECK(client.get(other, "/-/healthy").status == 0);
}

TEST_CASE("--web.systemd-socket without a socket is an error that says what was expected") {
  PosixProcessRunner runner;
  ProcessSpec spec;
  spec.argv = by_systemd({}, "");
  const auto outcome = runner.run(spec, SystemClock().deadline_in(20s), {});
  REQUIRE(outcome.has_value());
  CHECK(outcome->exit_code == 1);
  CHECK(outcome->errors ==
        "heal-exporter: --web.systemd-socket: no socket was passed to this process (LISTEN_FDS and LISTEN_PID are not "
        "both set): expected a start by a .socket unit\n");
}

}  // namespace
}  // namespace heal::test
