#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/model/incident.h"

namespace heal::ctl {

/// How a cell looks on a terminal with colours; what it means without them must be in its text.
enum class Tone { kPlain, kGood, kBad, kWarning, kDim, kBold };

/// `text` in its colour, or as it is when `colour` is kOff.
enum class Colour { kOff, kOn };
std::string toned(std::string_view text, Tone tone, Colour colour);

/// Green for healed, red for needs a human, yellow for held back.
Tone tone_of(IncidentState state);

struct Cell {
  Cell(std::string content = "", Tone content_tone = Tone::kPlain)  // NOLINT(google-explicit-constructor)
      : text(std::move(content)), tone(content_tone) {}
  Cell(const char* content) : text(content) {}  // NOLINT(google-explicit-constructor)
  std::string text;
  Tone tone = Tone::kPlain;
};

struct Column {
  std::string title;
  enum class Fit { kKeep, kCut, kWrap };
  /// What may happen to the column when the table is wider than the terminal; at most one wraps, the last.
  Fit when_narrow = Fit::kKeep;
  enum class Align { kLeft, kRight };
  Align align = Align::kLeft;
  /// Left out, the last such column first, when the others would have to be cut to stumps for it.
  enum class Need { kAlways, kIfRoom };
  Need need = Need::kAlways;
};

/// Rows under titles, aligned. Cell texts are made safe for a terminal; an empty one is shown as "-".
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  /// As many cells as columns.
  void add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  /// `width` 0: as wide as it needs, for files and pipes. No trailing spaces.
  std::string render(std::size_t width, Colour colour) const;

 private:
  std::vector<std::size_t> natural_widths() const;
  std::vector<std::size_t> widths(std::size_t limit) const;
  std::string render_columns(std::size_t width, Colour colour) const;
  void drop_until_it_fits(std::size_t limit);

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// `name: value` lines with aligned values.
std::string render_fields(const std::vector<std::pair<std::string, Cell>>& fields, Colour colour);

}  // namespace heal::ctl
