#include "exporter/pages.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "common/base/text.h"
#include "common/base/url.h"

namespace heal::exporter {
namespace {

/// Nothing but the page's own style is loaded and nothing runs, whatever a target's labels hold, and nobody frames it.
constexpr const char* kPolicy =
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
constexpr std::size_t kRowsPerPage = 100;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : to_valid_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// How a target is shown: its state, and between the two what has failed and is not down (yet).
enum class Shown { kDown, kFailing, kUnknown, kUp };
constexpr std::array<std::string_view, 4> kShownWords{"down", "failing", "unknown", "up"};

struct Row {
  const ProbeSeries* series = nullptr;
  ProbeSeries::Numbers numbers;
  Shown shown = Shown::kUnknown;

  std::string_view word() const { return kShownWords[static_cast<std::size_t>(shown)]; }
};

Shown shown_of(const ProbeSeries::Numbers& numbers) {
  if (numbers.standing.state == ProbeState::kDown) return Shown::kDown;
  if (numbers.runs() > 0 && !numbers.last_success) return Shown::kFailing;
  return numbers.standing.state == ProbeState::kUp ? Shown::kUp : Shown::kUnknown;
}

bool is_wanted(const Row& row, const PageWish& wish) {
  if (!wish.state.empty() && wish.state != row.word()) return false;
  if (wish.search.empty()) return true;
  const std::string part = to_lower(wish.search);
  const Labels& labels = row.series->labels();
  return std::any_of(labels.begin(), labels.end(),
                     [&](const auto& label) { return to_lower(label.second).find(part) != std::string::npos; });
}

/// Most runs take less than what format_duration_short() tells apart.
std::string took(Duration duration) {
  constexpr Duration kShort = 10ms;
  if (duration >= kShort) return format_duration_short(duration);
  return fmt::format("{:.1f}ms", to_seconds(duration) * 1000);
}

std::string ago(WallTime then, WallTime now) {
  return format_duration_short(std::max(now - then, Duration::zero()));
}

std::string time_cell(std::string_view label, WallTime then, WallTime now) {
  return fmt::format("<td class=\"time\" data-label=\"{}\"><time datetime=\"{}\" title=\"{}\">{} ago</time></td>",
                     label, format_rfc3339(then), format_rfc3339(then), ago(then, now));
}

std::string further_labels(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (name == "probe" || name == "module" || name == "target") continue;
    out += fmt::format("{}{}={}", out.empty() ? "" : ", ", name, value);
  }
  return out.empty() ? out : fmt::format("<span class=\"sub\">{}</span>", escaped(out));
}

std::string result_cell(const Row& row, const History& failures) {
  const ProbeSeries::Numbers& numbers = row.numbers;
  if (numbers.runs() == 0) return "<span class=\"quiet\">no run yet</span>";
  std::string log;
  if (numbers.failure_log && failures.find(*numbers.failure_log)) {
    log = fmt::format(" <a href=\"logs?run={}\">{}</a>", *numbers.failure_log,
                      numbers.last_success ? "log of the last failure" : "log");
  }
  if (numbers.last_success) return fmt::format("ok in {}{}", took(numbers.last_duration), log);
  return fmt::format("<span class=\"down\">{}</span> in {} after {}{}<span class=\"sub\">{}</span>",
                     escaped(numbers.last_reason), escaped(numbers.last_phase), took(numbers.last_duration), log,
                     escaped(numbers.last_message));
}

std::string row_html(const Row& row, const History& failures, WallTime now) {
  const ProbeSeries::Numbers& numbers = row.numbers;
  const Labels& labels = row.series->labels();
  std::string out = fmt::format(
      "<tr><td data-label=\"State\"><span class=\"state {0}\">{0}</span></td>"
      "<td data-label=\"Target\"><div>{1}{2}</div></td>"
      "<td data-label=\"Probe\"><div>{3}<span class=\"sub\">{4}</span></div></td>",
      row.word(), escaped(label_value(labels, "target")), further_labels(labels), escaped(label_value(labels, "probe")),
      escaped(label_value(labels, "module")));
  out += fmt::format("<td data-label=\"Last run\"><div>{}</div></td><td data-label=\"History\">{}</td>",
                     result_cell(row, failures), sparkline(row.series->recent()));
  const bool is_known = numbers.standing.state != ProbeState::kUnknown;
  out += is_known ? time_cell("Since", numbers.standing.since, now) : "<td class=\"time\" data-label=\"Since\">–</td>";
  out += numbers.runs() > 0 ? time_cell("Ran", numbers.last_at, now) : "<td class=\"time\" data-label=\"Ran\">–</td>";
  return out + "</tr>\n";
}

std::string query_of(const PageWish& wish, std::size_t page) {
  return fmt::format("?q={}&amp;state={}&amp;page={}", percent_encode(wish.search), percent_encode(wish.state), page);
}

std::string tile(std::string_view label, std::size_t value, std::string_view kind, std::string_view href) {
  return fmt::format(
      "<a class=\"tile {}\" href=\"{}\"><span class=\"label\">{}</span><span class=\"value\">{}</span></a>\n", kind,
      href, label, value);
}

std::string glance(const std::vector<Row>& rows, const std::optional<std::size_t>& alerts) {
  std::array<std::size_t, 4> counts{};
  for (const Row& row : rows)
    counts[static_cast<std::size_t>(row.shown)] += 1;
  const auto kind = [](std::size_t count, std::string_view when_some) { return count > 0 ? when_some : ""; };
  std::string out = "<section class=\"glance\" aria-label=\"Targets at a glance\">\n";
  out += tile("Targets", rows.size(), "", "./");
  out += tile("Down", counts[0], kind(counts[0], "bad"), "?state=down");
  out += tile("Failing", counts[1], kind(counts[1], "warn"), "?state=failing");
  out += tile("Unknown", counts[2], "", "?state=unknown");
  out += tile("Up", counts[3], kind(counts[3], "good"), "?state=up");
  if (alerts) out += tile("Alerts firing", *alerts, kind(*alerts, "bad"), "?state=down");
  return out + "</section>\n";
}

std::string filter_form(const PageWish& wish) {
  std::string options = "<option value=\"\">every state</option>";
  for (const std::string_view word : kShownWords)
    options += fmt::format("<option{}>{}</option>", wish.state == word ? " selected" : "", word);
  return fmt::format(
      "<form method=\"get\" action=\"./\"><input name=\"q\" value=\"{}\" placeholder=\"target, probe or label\" "
      "aria-label=\"Part of a target, probe or label\"><select name=\"state\" aria-label=\"State\">{}</select>"
      "<button>Show</button></form>\n",
      escaped(wish.search), options);
}

std::string target_table(const std::vector<Row>& rows, const StatusView& view, const History& failures) {
  const std::size_t pages = std::max<std::size_t>(1, (rows.size() + kRowsPerPage - 1) / kRowsPerPage);
  const std::size_t page = std::clamp<std::size_t>(view.wish.page, 1, pages);
  const std::size_t begin = (page - 1) * kRowsPerPage, end = std::min(begin + kRowsPerPage, rows.size());
  if (rows.empty()) return "<div class=\"sheet\"><p class=\"empty\">No target is like this.</p></div>\n";
  std::string out =
      "<div class=\"sheet\"><table><thead><tr><th>State</th><th>Target</th><th>Probe</th><th>Last run</th>"
      "<th>History</th><th>Since</th><th>Ran</th></tr></thead><tbody>\n";
  for (std::size_t i = begin; i < end; ++i)
    out += row_html(rows[i], failures, view.now);
  out += "</tbody></table></div>\n";
  if (pages == 1) return out;
  out += fmt::format("<p class=\"pages\"><span class=\"quiet\">{} to {} of {}</span>", begin + 1, end, rows.size());
  if (page > 1) out += fmt::format("<a rel=\"prev\" href=\"{}\">back</a>", query_of(view.wish, page - 1));
  if (page < pages) out += fmt::format("<a rel=\"next\" href=\"{}\">next</a>", query_of(view.wish, page + 1));
  return out + "</p>\n";
}

std::string scheduled_part(const StatusView& view, const History& failures) {
  std::vector<Row> rows;
  for (const auto& series : view.series) {
    Row row{series.get(), series->numbers(), Shown::kUnknown};
    row.shown = shown_of(row.numbers);
    rows.push_back(std::move(row));
  }
  std::string out = glance(rows, view.alerts);
  std::erase_if(rows, [&](const Row& row) { return !is_wanted(row, view.wish); });
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.shown < b.shown; });
  out += fmt::format("<h2>Targets <span class=\"count\">{}</span></h2>\n{}", rows.size(), filter_form(view.wish));
  return out + target_table(rows, view, failures);
}

std::string asked_part(const History& history) {
  const auto entries = history.list();
  std::string out =
      "<h2>Probes asked for</h2>\n<p class=\"quiet\">by Prometheus or by hand at "
      "<code>/probe?target=prometheus.io&amp;module=http_2xx</code>, with <code>&amp;debug=true</code> for "
      "the log</p>\n";
  if (entries.empty()) return out + "<div class=\"sheet\"><p class=\"empty\">None yet.</p></div>\n";
  out +=
      "<div class=\"sheet\"><table><thead><tr><th>Module</th><th>Target</th><th>Result</th><th>Took</th>"
      "<th>Log</th></tr></thead><tbody>\n";
  for (const auto& entry : entries) {
    const ProbeResult& result = entry->result;
    const std::string verdict =
        result.success ? "<span class=\"up\">Success</span>"
                       : fmt::format("<span class=\"down\">Failure</span> {} {}<span class=\"sub\">{}</span>",
                                     result.phase, result.reason, escaped(printable(to_valid_utf8(result.message))));
    out += fmt::format(
        "<tr><td data-label=\"Module\">{}</td><td data-label=\"Target\">{}</td><td "
        "data-label=\"Result\"><div>{}</div></td>"
        "<td class=\"number\" data-label=\"Took\">{}</td><td data-label=\"Log\"><a "
        "href=\"logs?id={}\">Logs</a></td></tr>\n",
        escaped(entry->module->name), escaped(entry->target), verdict, took(result.duration), entry->id);
  }
  return out + "</tbody></table></div>\n";
}

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>heal-exporter</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="style.css">
</head>
<body>
<header><h1><a href="./">heal-exporter</a></h1>
<nav><a href="metrics">metrics</a><a href="config">configuration</a><a href="-/healthy">health</a><span>as of )";

}  // namespace

PageWish page_wish(const httpd::HttpRequest& request) {
  constexpr std::size_t kMostSearch = 200;
  PageWish wish;
  wish.search = std::string(request.param("q").value_or("").substr(0, kMostSearch));
  const std::string_view state = request.param("state").value_or("");
  if (std::find(kShownWords.begin(), kShownWords.end(), state) != kShownWords.end()) wish.state = state;
  const std::int64_t page = parse_int(request.param("page").value_or("")).value_or(1);
  wish.page = page > 0 ? static_cast<std::size_t>(page) : 1;
  return wish;
}

std::string sparkline(const std::vector<RecentRun>& runs) {
  constexpr int kHeight = 24, kBar = 3;
  float longest = 0;
  std::size_t failures = 0;
  for (const RecentRun& run : runs) {
    longest = std::max(longest, run.seconds);
    failures += run.success ? 0 : 1;
  }
  std::string ran, failed;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const std::size_t x = (kRecentRuns - runs.size() + i) * kBar;  // the newest stands at the right end
    const float part = longest > 0 ? runs[i].seconds / longest : 0;
    const int height = runs[i].success ? std::max(2, static_cast<int>(std::lround(part * (kHeight - 4)))) : kHeight;
    (runs[i].success ? ran : failed) += fmt::format("M{} {}v-{}h2v{}z", x, kHeight, height, height);
  }
  const std::string told = fmt::format("{} runs, {} failed, the longest {}", runs.size(), failures,
                                       took(from_seconds(static_cast<double>(longest))));
  return fmt::format(
      "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\"><title>{}</title><path class=\"ground\" d=\"M0 "
      "{}h{}\"/>"
      "<path class=\"ran\" d=\"{}\"/><path class=\"failed\" d=\"{}\"/></svg>",
      kRecentRuns * kBar, kHeight, told, told, kHeight, kRecentRuns * kBar, ran, failed);
}

httpd::HttpResponse start_page(const StatusView& view, const History& history, const History& failures) {
  std::string page(kHead);
  page += fmt::format("{}</span></nav></header>\n<main>\n", format_rfc3339(view.now));
  if (!view.series.empty()) page += scheduled_part(view, failures);
  page += asked_part(history);
  page += "</main>\n</body>\n</html>\n";
  httpd::HttpResponse response = httpd::HttpResponse::html(200, std::move(page));
  response.headers = {{"Content-Security-Policy", kPolicy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-cache"}};
  return response;
}

}  // namespace heal::exporter
