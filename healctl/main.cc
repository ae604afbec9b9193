#include "healctl/app.h"

int main(int argc, char** argv) {
  return heal::ctl::run_healctl(argc, argv);
}
