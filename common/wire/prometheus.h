#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/prom_sample.h"

namespace heal {

/// The answer to `GET /api/v1/query`, whatever its HTTP status: {status "success"|"error" · errorType, error ·
/// data {resultType, result}}. A vector gives its elements, a scalar one sample without labels. Values may be NaN and
/// infinite. Errors: kInvalid when Prometheus refuses the expression or it gives something else than numbers now (a
/// string, a range, a native histogram); kTimeout, kUnavailable as Prometheus says; kProtocol for an answer that is
/// none. Source: prometheus docs/querying/api.md.
Result<std::vector<PromSample>> parse_prometheus_query(std::string_view body);

/// The samples of one set of labels over a range of time.
struct PromSeries {
  Labels labels;
  std::vector<PromSample> samples;  ///< oldest first; their own labels are empty

  bool operator==(const PromSeries&) const = default;
};

/// The same of the answer to `GET /api/v1/query_range`: a matrix.
Result<std::vector<PromSeries>> parse_prometheus_range(std::string_view body);

}  // namespace heal
