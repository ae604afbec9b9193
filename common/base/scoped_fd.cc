#include "common/base/scoped_fd.h"

#include <unistd.h>

namespace heal {

void ScopedFd::reset(int fd) {
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
}

}  // namespace heal
