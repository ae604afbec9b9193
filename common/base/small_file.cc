#include "common/base/small_file.h"

#include <fstream>
#include <sstream>

namespace heal {

std::string read_small_file(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace heal
