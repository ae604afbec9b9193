// The program of fault holders alone: `heal-webhook fault-helper` without heal-webhook. It may be called as that.

#include <cstdio>
#include <string>
#include <vector>

#include "common/system/fault_holder/holder.h"

int main(int argc, char** argv) {
  const int first = argc > 1 && std::string(argv[1]) == "fault-helper" ? 2 : 1;
  const std::vector<std::string> arguments(argv + first, argv + argc);
  return heal::run_fault_holder(arguments, [](const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  });
}
