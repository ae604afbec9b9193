#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/result.h"
#include "common/base/scoped_fd.h"

namespace heal {

/// Answers every HTTP request on a port of its own with one status, and closes the connection.
class HttpAnswers {
 public:
  static Result<std::unique_ptr<HttpAnswers>> start(int status);
  ~HttpAnswers();
  HttpAnswers(const HttpAnswers&) = delete;
  HttpAnswers& operator=(const HttpAnswers&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  HttpAnswers(ScopedFd listener, std::uint16_t port, int status);
  void serve();
  void answer(int connection) const;
  void end() const;

  const ScopedFd listener_;
  const std::uint16_t port_;
  const std::string answer_;
  std::vector<std::jthread> threads_;
};

}  // namespace heal
