#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/httpd/message.h"
#include "exporter/history.h"
#include "exporter/probe_series.h"

namespace heal::exporter {

/// What of the targets a reader wants to see.
struct PageWish {
  std::string search;  ///< part of a label's value; "": all
  std::string state;   ///< down, failing, unknown or up; "": all
  std::size_t page = 1;
};
/// From the query: `q`, `state`, `page`. What is not understood is left out.
PageWish page_wish(const httpd::HttpRequest& request);

/// What the page tells of.
struct StatusView {
  WallTime now{};
  PageWish wish;
  std::vector<std::shared_ptr<ProbeSeries>> series;
  std::optional<std::size_t> alerts;  ///< that fire; absent without fast_alerts
};

/// The start page: targets with their state, what their last runs showed and why they failed, those in trouble first;
/// then the probes that were asked for. Works without scripts, loads nothing but style_sheet().
httpd::HttpResponse start_page(const StatusView& view, const History& history, const History& failures);
httpd::HttpResponse style_sheet();

/// The last runs as an inline SVG: one bar each, as high as it took long beside the longest; failures in full.
std::string sparkline(const std::vector<RecentRun>& runs);

}  // namespace heal::exporter
