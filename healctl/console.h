#pragma once

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>

namespace heal::ctl {

/// Where the program talks: data to `out`, everything else to `err`.
struct Console {
  std::ostream& out;
  std::ostream& err;
  std::size_t out_width = 0;  ///< columns of the terminal behind `out`; 0 when it is none
  std::size_t err_width = 0;
  /// Whether `out` is a pipe whose reader has gone: then a failed write is no mistake. Absent: never.
  std::function<bool()> reader_left = nullptr;
};

/// The process's environment; `environment.at("HOME")`.
using Environment = std::map<std::string, std::string>;

}  // namespace heal::ctl
