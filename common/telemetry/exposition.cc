#include "common/telemetry/exposition.h"

#include <charconv>
#include <cmath>
#include <system_error>

#include "common/base/text.h"

namespace heal {
namespace {

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kSummary:
      return "summary";
    case MetricType::kUntyped:
      break;
  }
  return "untyped";
}

enum class Quotes { kEscape, kKeep };

void append_escaped(std::string& out, std::string_view text, Quotes quotes) {
  if (!is_utf8(text)) {
    append_escaped(out, to_valid_utf8(text), quotes);
    return;
  }
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes == Quotes::kEscape) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

// `digits` (no point, no sign) with the decimal point after `point` of them, as strconv's %f writes it.
std::string plain_number(std::string_view digits, int point) {
  if (point <= 0) return "0." + std::string(static_cast<std::size_t>(-point), '0') + std::string(digits);
  const auto whole = static_cast<std::size_t>(point);
  if (digits.size() <= whole) return std::string(digits) + std::string(whole - digits.size(), '0');
  return std::string(digits.substr(0, whole)) + "." + std::string(digits.substr(whole));
}

}  // namespace

std::string format_sample_value(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer, static_cast<std::size_t>(end - buffer));
  const auto mark = scientific.find('e');
  int exponent = 0;
  const auto first_digit = scientific[mark + 1] == '+' ? mark + 2 : mark + 1;
  std::from_chars(buffer + first_digit, end, exponent);
  std::string_view mantissa = scientific.substr(0, mark);
  const bool negative = mantissa.starts_with('-');
  if (negative) mantissa.remove_prefix(1);
  std::string digits(1, mantissa[0]);
  if (mantissa.size() > 2) digits += mantissa.substr(2);
  // The bounds of Go's strconv.FormatFloat(v, 'g', -1, 64).
  if (exponent < -4 || exponent >= 6) return std::string(scientific);
  const std::string number = plain_number(digits, exponent + 1);
  return negative ? "-" + number : number;
}

bool is_metric_name(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != ':') return false;
  }
  return true;
}

void ExpositionWriter::family(std::string_view name, MetricType type, std::string_view help) {
  if (!help.empty()) {
    text_.append("# HELP ").append(name).append(" ");
    append_escaped(text_, help, Quotes::kKeep);
    text_ += '\n';
  }
  text_.append("# TYPE ").append(name).append(" ").append(type_name(type)).append("\n");
}

void ExpositionWriter::sample(std::string_view name, double value, std::span<const Label> labels) {
  text_ += name;
  char separator = '{';
  for (const auto& [label, label_text] : labels) {
    text_ += separator;
    text_.append(label).append("=\"");
    append_escaped(text_, label_text, Quotes::kEscape);
    text_ += '"';
    separator = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_.append(" ").append(format_sample_value(value)).append("\n");
}

void ExpositionWriter::gauge(std::string_view name, std::string_view help, double value, LabelList labels) {
  family(name, MetricType::kGauge, help);
  sample(name, value, labels);
}

void ExpositionWriter::counter(std::string_view name, std::string_view help, double value, LabelList labels) {
  family(name, MetricType::kCounter, help);
  sample(name, value, labels);
}

}  // namespace heal
