#include "webhook/program.h"

int main(int argc, char** argv) {
  return heal::webhook::run_program(argc, argv);
}
