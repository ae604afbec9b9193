#pragma once

#include <string>

#include "exporter/history.h"

namespace heal::exporter {

/// The start page: links and the probes of the history.
std::string start_page(const History& history);

}  // namespace heal::exporter
