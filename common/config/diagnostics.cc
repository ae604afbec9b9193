#include "common/config/diagnostics.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "common/base/redact.h"
#include "common/base/text.h"

namespace heal::config {
namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

auto position(const Diagnostic& d) {
  return std::tie(d.span.file, d.span.line, d.span.column);
}

/// Spaces under the line up to `column`; tabs stay tabs so that the caret stands where it should.
std::string caret_padding(std::string_view line, int column) {
  std::string out;
  int at = 1;
  for (std::size_t i = 0; i < line.size() && at < column; ++i) {
    if (is_continuation(line[i])) continue;
    out += line[i] == '\t' ? '\t' : ' ';
    ++at;
  }
  out.append(static_cast<std::size_t>(std::max(0, column - at)), ' ');
  return out;
}

/// The part of a source line worth showing around `column`, and the column within it.
std::pair<std::string, int> visible_part(std::string_view line, int column) {
  constexpr std::size_t kWidest = 160;
  if (line.size() <= kWidest) return {to_valid_utf8(line), column};
  const auto wanted = static_cast<std::size_t>(std::max(column, 1));
  std::size_t start = wanted > kWidest / 2 ? std::min(wanted - kWidest / 2, line.size() - kWidest) : 0;
  while (start > 0 && is_continuation(line[start]))
    --start;
  int dropped = 0;
  for (std::size_t i = 0; i < start; ++i)
    dropped += is_continuation(line[i]) ? 0 : 1;
  std::size_t length = kWidest;
  while (start + length < line.size() && is_continuation(line[start + length]))
    --length;
  return {to_valid_utf8(line.substr(start, length)), std::max(column - dropped, 1)};
}

std::string without_controls(std::string text) {
  for (char& c : text) {
    const bool is_control = (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
    if (is_control) c = '?';
  }
  return text;
}

std::string render_one(const Diagnostic& d) {
  const std::string place = d.span.str();
  const char* word = d.severity == Severity::kError ? "error" : "warning";
  std::string out = fmt::format("{}{}{}: {}\n", place, place.empty() ? "" : ": ", word, d.message);
  if (d.span.column > 0 && !trim(d.source_line).empty()) {
    const auto [line, column] = visible_part(d.source_line, d.span.column);
    out += fmt::format("    {}\n    {}^\n", without_controls(line), caret_padding(line, column));
  }
  if (!d.hint.empty()) out += fmt::format("hint: {}\n", d.hint);
  return out;
}

}  // namespace

Source::Source(std::string file, std::string text) : file_(std::move(file)), text_(std::move(text)), line_starts_{0} {
  for (std::size_t i = 0; i < text_.size(); ++i) {
    if (text_[i] == '\n') line_starts_.push_back(i + 1);
  }
}

std::string_view Source::line(int number) const {
  if (number < 1 || static_cast<std::size_t>(number) > line_starts_.size()) return {};
  const auto start = line_starts_[static_cast<std::size_t>(number) - 1];
  auto line = std::string_view(text_).substr(start);
  line = line.substr(0, line.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

SourceSpan Source::place(int number, std::size_t byte) const {
  const auto before = line(number).substr(0, byte);
  const auto characters = std::count_if(before.begin(), before.end(), [](char c) { return !is_continuation(c); });
  return {file_, number, static_cast<int>(characters) + 1};
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr std::size_t kMostToList = 20;
  if (auto close = closest_match(word, candidates)) return fmt::format("did you mean \"{}\"?", *close);
  if (candidates.empty() || candidates.size() > kMostToList) return {};
  if (candidates.size() == 1) return fmt::format("expected {}", candidates[0]);
  return fmt::format("expected one of {}", fmt::join(candidates, ", "));
}

void Diagnostics::add(Diagnostic diagnostic) {
  if (diagnostic.severity == Severity::kError) ++errors_;
  diagnostic.source_line = redact_line(diagnostic.source_line);
  items_.push_back(std::move(diagnostic));
}

void Diagnostics::error(SourceSpan span, std::string message, std::string hint) {
  add({Severity::kError, std::move(span), std::move(message), std::move(hint), {}});
}

void Diagnostics::append(const Diagnostics& other) {
  for (const auto& item : other.items_)
    add(item);
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  auto out = items_;
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return position(a) < position(b); });
  std::vector<Diagnostic> unique;
  for (auto& item : out) {
    const auto is_same = [&](const Diagnostic& seen) {
      return position(seen) == position(item) && seen.message == item.message;
    };
    // Only neighbours can share a place after sorting.
    bool is_repeated = false;
    for (auto it = unique.rbegin(); it != unique.rend() && position(*it) == position(item) && !is_repeated; ++it)
      is_repeated = is_same(*it);
    if (!is_repeated) unique.push_back(std::move(item));
  }
  return unique;
}

std::string Diagnostics::render() const {
  constexpr std::size_t kMost = 100;
  const auto items = sorted();
  std::string out;
  for (std::size_t i = 0; i < std::min(items.size(), kMost); ++i)
    out += render_one(items[i]);
  if (items.size() > kMost) out += fmt::format("and {} more\n", items.size() - kMost);
  return out;
}

Error Diagnostics::to_error() const {
  std::vector<Diagnostic> wrong;
  for (auto& item : sorted()) {
    if (item.severity == Severity::kError) wrong.push_back(std::move(item));
  }
  if (wrong.empty()) return Error(ErrorCode::kInvalid, "no error");
  auto message = wrong[0].message;
  if (!wrong[0].hint.empty()) message += fmt::format(" ({})", wrong[0].hint);
  const auto more = wrong.size() - 1;
  if (more > 0) message += fmt::format(" (and {} more error{})", more, more == 1 ? "" : "s");
  Error error(ErrorCode::kInvalid, std::move(message));
  return wrong[0].span.str().empty() ? error : std::move(error).at(wrong[0].span);
}

}  // namespace heal::config
