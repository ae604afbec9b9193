#include "exporter/app.h"

int main(int argc, char** argv) {
  return heal::exporter::run_exporter(argc, argv);
}
