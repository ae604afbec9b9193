#include "healctl/output/table.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "common/base/check.h"
#include "healctl/output/text.h"

namespace heal::ctl {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;  // what a column keeps when it must
constexpr std::size_t kReadable = 24;  // what it keeps as long as others can give way

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return "\x1b[32m";
    case Tone::kBad:
      return "\x1b[31m";
    case Tone::kWarning:
      return "\x1b[33m";
    case Tone::kDim:
      return "\x1b[2m";
    case Tone::kBold:
      return "\x1b[1m";
    case Tone::kPlain:
      break;
  }
  return "";
}

struct Piece {
  std::string text;
  Tone tone;
};

/// One line of output: pieces padded to their columns, nothing after the last of them.
std::string line_of(const std::vector<Piece>& pieces, const std::vector<Column>& columns,
                    const std::vector<std::size_t>& widths, Colour colour) {
  std::string line;
  std::string pending;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto used = std::min(widths[i], display_width(pieces[i].text));
    const std::string padding(widths[i] - used, ' ');
    if (columns[i].align == Column::Align::kRight) pending += padding;
    if (!pieces[i].text.empty()) {
      line += pending + toned(pieces[i].text, pieces[i].tone, colour);
      pending.clear();
    }
    if (columns[i].align == Column::Align::kLeft) pending += padding;
    pending += std::string(kGap, ' ');
  }
  return line + "\n";
}

}  // namespace

std::string toned(std::string_view text, Tone tone, Colour colour) {
  if (colour == Colour::kOff || tone == Tone::kPlain || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape_of(tone), text);
}

Tone tone_of(IncidentState state) {
  switch (state) {
    case IncidentState::kRecovered:
    case IncidentState::kClosed:
      return Tone::kGood;
    case IncidentState::kFailed:
    case IncidentState::kEscalated:
    case IncidentState::kInterrupted:
      return Tone::kBad;
    case IncidentState::kHeld:
    case IncidentState::kSuppressed:
    case IncidentState::kUnmatched:
    case IncidentState::kAwaitingApproval:
      return Tone::kWarning;
    default:
      return Tone::kPlain;
  }
}

void Table::add(std::vector<Cell> row) {
  HEAL_CHECK(row.size() == columns_.size(), "a table row has a cell for each column");
  for (auto& cell : row) {
    cell.text = cell.text.empty() ? "-" : safe_text(cell.text);
  }
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::natural_widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].title);
    for (const auto& row : rows_)
      width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
  }
  return widths;
}

std::vector<std::size_t> Table::widths(std::size_t limit) const {
  auto widths = natural_widths();
  if (limit == 0) return widths;
  const auto total = [&] {
    return std::accumulate(widths.begin(), widths.end(), std::size_t{0}) + kGap * (widths.size() - 1);
  };
  // Wrapping loses nothing, so it comes first, down to what still reads well.
  for (const auto& [fit, least] : {std::pair(Column::Fit::kWrap, kReadable), std::pair(Column::Fit::kCut, kNarrowest),
                                   std::pair(Column::Fit::kWrap, kNarrowest)}) {
    while (total() > limit) {
      std::size_t widest = columns_.size();
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (columns_[i].when_narrow != fit || widths[i] <= std::max(least, display_width(columns_[i].title))) continue;
        if (widest == columns_.size() || widths[i] > widths[widest]) widest = i;
      }
      if (widest == columns_.size()) break;
      --widths[widest];
    }
  }
  return widths;
}

void Table::drop_until_it_fits(std::size_t limit) {
  for (std::size_t i = columns_.size(); i-- > 0;) {
    const auto natural = natural_widths();
    std::size_t comfortable = kGap * (columns_.size() - 1);
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const bool gives_way = columns_[c].when_narrow != Column::Fit::kKeep;
      comfortable += gives_way ? std::min(natural[c], kReadable) : natural[c];
    }
    if (comfortable <= limit) return;
    if (columns_[i].need == Column::Need::kAlways) continue;
    columns_.erase(columns_.begin() + static_cast<std::ptrdiff_t>(i));
    for (auto& row : rows_)
      row.erase(row.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

std::string Table::render(std::size_t width, Colour colour) const {
  if (width == 0) return render_columns(0, colour);
  Table fitting = *this;
  fitting.drop_until_it_fits(width);
  return fitting.render_columns(width, colour);
}

std::string Table::render_columns(std::size_t width, Colour colour) const {
  const auto column_widths = widths(width);
  std::vector<Piece> titles;
  for (const auto& column : columns_)
    titles.push_back({column.title, Tone::kBold});
  std::string out = line_of(titles, columns_, column_widths, colour);
  for (const auto& row : rows_) {
    std::vector<std::vector<std::string>> cells;
    std::size_t height = 1;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool wraps = columns_[i].when_narrow == Column::Fit::kWrap;
      auto lines = wraps ? wrap(row[i].text, column_widths[i]) : std::vector<std::string>{row[i].text};
      for (auto& line : lines)
        line = fit(line, column_widths[i]);
      height = std::max(height, lines.size());
      cells.push_back(std::move(lines));
    }
    for (std::size_t line = 0; line < height; ++line) {
      std::vector<Piece> pieces;
      for (std::size_t i = 0; i < row.size(); ++i) {
        pieces.push_back({line < cells[i].size() ? cells[i][line] : "", row[i].tone});
      }
      out += line_of(pieces, columns_, column_widths, colour);
    }
  }
  return out;
}

std::string render_fields(const std::vector<std::pair<std::string, Cell>>& fields, Colour colour) {
  std::size_t left = 0;
  for (const auto& [name, cell] : fields)
    left = std::max(left, display_width(name));
  std::string out;
  for (const auto& [name, cell] : fields) {
    const auto text = cell.text.empty() ? "-" : safe_text(cell.text);
    out += fmt::format("{}{}  {}\n", toned(name, Tone::kBold, colour), std::string(left - display_width(name), ' '),
                       toned(text, cell.tone, colour));
  }
  return out;
}

}  // namespace heal::ctl
