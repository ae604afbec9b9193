#include "tests/contract/ports/daemon.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/check.h"
#include "common/base/scoped_fd.h"

namespace heal::test {

std::uint16_t free_port() {
  const ScopedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  HEAL_CHECK(bind(fd.get(), generic, size) == 0, "a free port can be bound");
  HEAL_CHECK(getsockname(fd.get(), generic, &size) == 0, "it has a number");
  return ntohs(address.sin_port);
}

Daemon::~Daemon() {
  (void)stop();
}

void Daemon::start(std::vector<std::string> argv) {
  thread_ = std::jthread([this, argv = std::move(argv)](const std::stop_token& stop) {
    ProcessSpec spec;
    spec.argv = argv;
    spec.environment = {{"PATH", "/usr/bin:/bin"}, {"HOME", folder().string()}};
    spec.working_directory = folder();
    outcome_ = runner_.run(spec, SteadyTime::max(), stop);
  });
}

std::string Daemon::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  return outcome_ ? outcome_->errors : outcome_.error().str();
}

}  // namespace heal::test
