#include "healctl/replay/alerts.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace heal::ctl {
namespace {

constexpr std::string_view kFiring = R"(ALERTS{alertstate="firing"})";
/// Prometheus refuses more than 11 000 samples of a series.
constexpr std::int64_t kMostSamples = 10'000;
constexpr std::size_t kMostBytes = 256 << 20;
constexpr Duration kQueryAnswer = 1min;
/// Alerts of one container that lie so near together are one trouble.
constexpr Duration kTogether = 1min;

std::string unix_seconds(WallTime time) {
  return fmt::format("{}", std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

/// One firing of one alert.
struct Firing {
  Labels labels;
  WallTime from{};
  std::optional<WallTime> to;  ///< absent: it fires on
};

std::vector<Firing> firings_of(const AlertHistory& history) {
  std::vector<Firing> out;
  for (const PromSeries& series : history.series) {
    Labels labels = series.labels;
    labels.erase("__name__");
    labels.erase("alertstate");
    if (label_value(labels, "alertname") == "Watchdog") continue;
    std::optional<WallTime> last;
    for (const PromSample& sample : series.samples) {
      if (!sample.at) continue;
      if (!last || *sample.at - *last > kAlertStep * 3 / 2) out.push_back({labels, *sample.at, {}});
      last = sample.at;
      out.back().to = *last + kAlertStep > history.to ? std::nullopt : std::optional(*last + kAlertStep);
    }
  }
  std::stable_sort(out.begin(), out.end(), [](const Firing& a, const Firing& b) { return a.from < b.from; });
  return out;
}

Episode episode_of(const Firing& firing) {
  Episode episode;
  episode.source = "alertmanager";
  episode.name = label_value(firing.labels, "alertname");
  episode.labels = firing.labels;
  episode.starts_at = episode.received_at = firing.from;
  episode.resolved_at = firing.to;
  episode.key = fmt::format("am:{}:{}", format_labels(firing.labels), format_rfc3339(firing.from));
  return episode;
}

}  // namespace

Result<AlertHistory> fetch_alerts(Context& context, const std::string& prometheus, WallTime from, WallTime to) {
  AlertHistory out{from, to, {}};
  std::map<Labels, std::size_t> places;
  for (WallTime begin = from; begin <= to; begin += kAlertStep * kMostSamples) {
    const WallTime end = std::min<WallTime>(to, begin + kAlertStep * (kMostSamples - 1));
    HttpClientRequest request;
    request.url = fmt::format("{}/api/v1/query_range?query={}&start={}&end={}&step={}", prometheus,
                              percent_encode(kFiring), unix_seconds(begin), unix_seconds(end), to_seconds(kAlertStep));
    request.ca_file = context.settings().ca_file;
    request.max_response_bytes = kMostBytes;
    HEAL_TRY(const auto response, context.ports()
                                      .http.send(request, context.clock().deadline_in(kQueryAnswer), context.stop())
                                      .with_context("Prometheus at {}", prometheus));
    HEAL_TRY(auto series, parse_prometheus_range(response.body).with_context("{} of {}", response.status, prometheus));
    for (PromSeries& one : series) {
      const auto [place, is_new] = places.emplace(one.labels, out.series.size());
      if (is_new) {
        out.series.push_back(std::move(one));
        continue;
      }
      auto& samples = out.series[place->second].samples;
      samples.insert(samples.end(), one.samples.begin(), one.samples.end());
    }
  }
  return out;
}

std::vector<Story> stories_of(const AlertHistory& history) {
  std::vector<Story> out;
  std::map<std::string, std::size_t> latest;  // container → its newest trouble
  for (const Firing& firing : firings_of(history)) {
    const std::string container(label_value(firing.labels, "container"));
    const WallTime end = firing.to.value_or(history.to);
    const auto known = container.empty() ? latest.end() : latest.find(container);
    if (known != latest.end()) {
      Story& story = out[known->second];
      auto& times = story.incident.times;
      if (times.closed_at && firing.from <= *times.closed_at + kTogether) {
        story.episodes.push_back(episode_of(firing));
        times.closed_at = std::max(*times.closed_at, end);
        continue;
      }
    }
    Story story;
    story.incident.name = label_value(firing.labels, "alertname");
    story.incident.times.detected_at = firing.from;
    story.incident.times.closed_at = end;
    story.episodes = {episode_of(firing)};
    if (!container.empty()) latest[container] = out.size();
    out.push_back(std::move(story));
  }
  return out;
}

}  // namespace heal::ctl
