#include "common/port/host.h"

namespace heal {

std::string ProcessScope::str() const {
  switch (kind) {
    case Kind::kContainer:
      return "container " + value;
    case Kind::kUnit:
      return "unit " + value;
    case Kind::kCgroup:
      return "cgroup " + value;
    case Kind::kName:
      return "name " + value;
    case Kind::kPidFile:
      return "pid file " + value;
  }
  return value;
}

}  // namespace heal
