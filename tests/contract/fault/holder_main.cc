// The program of fault holders alone: `heal-webhook fault-helper` without heal-webhook.

#include <cstdio>
#include <string>
#include <vector>

#include "common/system/fault_holder/holder.h"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return heal::run_fault_holder(arguments, [](const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  });
}
