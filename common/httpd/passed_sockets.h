#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/httpd/listen.h"

namespace heal::httpd {

/// A listening socket that was open when the process began. Whoever serves on it closes it.
struct PassedSocket {
  int fd = -1;
  std::string address;  ///< as a listen address: `127.0.0.1:9115`, `[::]:9115`, `unix:/path`
};

/// The first descriptor that is passed (SD_LISTEN_FDS_START of sd_listen_fds(3)).
inline constexpr int kFirstPassedSocket = 3;

/// The sockets that the service manager passed to this process by LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES
/// (sd_listen_fds(3)), at least one, in their order; `first` is the first one's descriptor. From now on no child
/// inherits them, and the variables are gone, also when this fails. kNotFound: none was passed to this process;
/// kInvalid: one is no listening stream socket, or the variables are wrong. Once, and before there are other threads.
Result<std::vector<PassedSocket>> take_passed_sockets(int first = kFirstPassedSocket);

/// To serve on it. The file of a unix socket stays in the end: it is the service manager's.
Result<Listener> adopt_passed_socket(const PassedSocket& socket);

}  // namespace heal::httpd
