#include "compose/demo_api/app.h"

int main(int argc, char** argv) {
  return heal::demo::run_demo_api(argc, argv);
}
