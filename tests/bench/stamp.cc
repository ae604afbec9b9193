// The action that the benchmark has every server start: tells a socket when it was started, and ends.

#include <cstdint>
#include <cstring>
#include <ctime>
#include <sys/socket.h>
#include <sys/un.h>

int main(int argc, char** argv) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  if (argc < 2) return 2;
  const std::int64_t nanoseconds = std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (fd < 0 || std::strlen(argv[1]) >= sizeof address.sun_path) return 1;
  std::strcpy(address.sun_path, argv[1]);
  const auto sent =
      ::sendto(fd, &nanoseconds, sizeof nanoseconds, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return sent == sizeof nanoseconds ? 0 : 1;
}
