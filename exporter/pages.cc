#include "exporter/pages.h"

#include <fmt/format.h>

#include "common/base/text.h"

namespace heal::exporter {
namespace {

std::string html_escaped(std::string_view text) {
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

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>heal-exporter</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;margin:2em;max-width:60em}
table{border-collapse:collapse}td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #ccc}
.bad{color:#b00;font-weight:600}
</style></head>
<body>
<h1>heal-exporter</h1>
<p><a href="metrics">Metrics</a> · <a href="config">Configuration</a> · <a href="-/healthy">Health</a></p>
<p>Probe: <code>/probe?target=prometheus.io&amp;module=http_2xx</code>, with <code>&amp;debug=true</code> for the log.</p>
<h2>Recent probes</h2>
<table><tr><th>Module</th><th>Target</th><th>Result</th><th>Took</th><th>Debug</th></tr>
)";

}  // namespace

std::string start_page(const History& history) {
  std::string page(kHead);
  for (const auto& entry : history.list()) {
    const ProbeResult& result = entry->result;
    const std::string verdict =
        result.success ? "Success"
                       : fmt::format("<span class=\"bad\">Failure</span> {} {}", result.phase, result.reason);
    page +=
        fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><a href=\"logs?id={}\">Logs</a></td></tr>\n",
                    html_escaped(entry->module->name), html_escaped(entry->target), verdict,
                    format_duration_short(result.duration), entry->id);
  }
  return page + "</table>\n</body>\n</html>\n";
}

}  // namespace heal::exporter
