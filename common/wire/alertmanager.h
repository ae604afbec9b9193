#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/model/alert.h"

namespace heal {

/// More alerts than this in one notification are refused: Alertmanager's own `max_alerts` cuts a group where it must.
inline constexpr std::size_t kMostAlerts = 10'000;
/// Of so many rejected alerts the text is kept.
inline constexpr std::size_t kMostRejectedTexts = 100;

/// One alert of a notification that could not be taken.
struct RejectedAlert {
  std::size_t index = 0;  ///< in the notification's list
  std::string pointer;    ///< JSON pointer of what is wrong, e.g. `/alerts/1/startsAt`
  std::string reason;     ///< for people
  std::string raw;        ///< the alert as it came, as JSON; "" beyond the first kMostRejectedTexts

  bool operator==(const RejectedAlert&) const = default;
};

/// What a notification held: the good alerts in `group`, the others in `rejected`; together at least one.
struct AlertGroupParse {
  AlertGroup group;
  std::vector<RejectedAlert> rejected;

  bool operator==(const AlertGroupParse&) const = default;
};

/// An Alertmanager webhook notification, version "4". Shape (Alertmanager notify/webhook/webhook.go,
/// template/template.go; newer servers add fields, which are ignored):
///   version "4" · groupKey string · truncatedAlerts whole number · status · receiver string, regexp-escaped ·
///   groupLabels, commonLabels, commonAnnotations objects of strings · externalURL string ·
///   alerts array of {status "firing"|"resolved" · labels, annotations · startsAt, endsAt RFC 3339, endsAt year 1 while
///   firing · generatorURL · fingerprint 16 hex digits}
/// Required: version, a non-empty alerts array; of each alert status, labels, startsAt. An alert that breaks this is
/// rejected alone; anything else that does makes the whole notification kInvalid with the JSON pointer in the message.
/// So does one with more than kMostAlerts alerts, or with so many values that it cannot be a notification of so many.
/// A missing fingerprint is computed from the labels. Label values are any UTF-8 text and kept as they came.
Result<AlertGroupParse> parse_alertmanager_v4(std::string_view body);

/// A notification as Alertmanager would send it: parse_alertmanager_v4 gives `group` back.
std::string write_alertmanager_v4(const AlertGroup& group);

/// The answer to `GET /api/v2/alerts`: what Alertmanager holds, all firing (its `endsAt` there is an expiry, not an
/// end). Errors are kProtocol.
Result<std::vector<ActiveAlert>> parse_alertmanager_alerts(std::string_view body);

/// The answer to `GET /api/v2/status`: since when it runs (member `uptime`). kProtocol.
Result<WallTime> parse_alertmanager_uptime(std::string_view body);

/// The answer to `GET /api/v2/silences`, those left out that have ended. Errors are kProtocol.
Result<std::vector<Silence>> parse_alertmanager_silences(std::string_view body);
/// The body of `POST /api/v2/silences`, and the id in its answer.
std::string write_alertmanager_silence(const Silence& silence);
Result<std::string> parse_alertmanager_silence_id(std::string_view body);

/// The body of `POST /api/v2/alerts`. A `starts_at` at the epoch is left out: Alertmanager then takes its own now.
std::string write_alertmanager_alerts(const std::vector<Alert>& alerts);

/// `text` without the backslashes that Go's regexp.QuoteMeta put in, as Alertmanager does with a receiver's name.
std::string unquote_meta(std::string_view text);
/// The inverse.
std::string quote_meta(std::string_view text);

}  // namespace heal
