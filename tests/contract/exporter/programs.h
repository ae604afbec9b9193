#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <catch2/catch.hpp>

#include "common/system/curl_http_client.h"
#include "common/system/system_clock.h"
#include "heal_test_paths.h"
#include "tests/support/loopback_server.h"

namespace heal::test {

/// A port that was free a moment ago: blackbox_exporter does not say which one it took.
inline std::uint16_t free_port() {
  return LoopbackServer([](int) {}).port();
}

/// A program that runs until this goes.
class Program {
 public:
  explicit Program(std::vector<std::string> argv) {
    std::vector<char*> pointers;
    for (std::string& word : argv)
      pointers.push_back(word.data());
    pointers.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    // Nothing may be left behind when the test dies.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  ~Program() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  void signal(int number) const { ::kill(pid_, number); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

 private:
  pid_t pid_ = 0;
};

/// Asks programs on 127.0.0.1 over HTTP.
class Client {
 public:
  HttpClientResponse get(std::uint16_t port, const std::string& path, const HttpHeaders& headers = {}) {
    return send("GET", port, path, headers);
  }
  HttpClientResponse send(const std::string& method, std::uint16_t port, const std::string& path,
                          const HttpHeaders& headers = {}) {
    HttpClientRequest request;
    request.method = method;
    request.url = "http://127.0.0.1:" + std::to_string(port) + path;
    request.headers = headers;
    const Result<HttpClientResponse> response = client_.send(request, clock_.deadline_in(20s), {});
    if (!response.has_value()) return {};
    return *response;
  }
  /// Asks until the program answers.
  void wait_for(std::uint16_t port) {
    wait_until([&] { return get(port, "/-/healthy").status == 200; });
  }
  /// Asks again and again until `holds`; fails when that takes half a minute.
  void wait_until(const std::function<bool()>& holds) {
    const Deadline deadline = clock_.deadline_in(30s);
    while (!holds()) {
      REQUIRE(clock_.steady_now() < deadline);
      clock_.sleep_for(20ms, {});
    }
  }

 private:
  SystemClock clock_;
  CurlHttpClient client_;
};

/// tests/support/grpc_health_server.py on a port of its own; with a certificate and its key it speaks TLS.
class GrpcServer {
 public:
  explicit GrpcServer(const std::vector<std::string>& certificate_and_key)
      : port_(free_port()), program_(command(port_, certificate_and_key)) {
    Client().wait_until([this] { return accepts(); });
  }
  std::uint16_t port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  static std::vector<std::string> command(std::uint16_t port, const std::vector<std::string>& certificate_and_key) {
    std::vector<std::string> argv{"/usr/bin/python3", HEAL_SOURCE_DIR "/tests/support/grpc_health_server.py",
                                  std::to_string(port)};
    argv.insert(argv.end(), certificate_and_key.begin(), certificate_and_key.end());
    return argv;
  }
  bool accepts() const {
    const ScopedFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  std::uint16_t port_;
  Program program_;
};

}  // namespace heal::test
