#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace heal::ctl {

/// `text` made safe for a terminal: control characters (C0, DEL, C1), bidirectional overrides and bytes that are not
/// UTF-8 are shown as escapes and cannot act.
std::string safe_text(std::string_view text);

/// Each line of `text` made safe; with a line end at the end.
std::string safe_lines(std::string_view text);

/// How many terminal columns well-formed UTF-8 takes: wide East Asian characters and emoji two, combining marks none.
std::size_t display_width(std::string_view text);

/// `text` cut to at most `width` columns, the last of them "…" when something is missing.
std::string fit(std::string_view text, std::size_t width);

/// `text` broken at spaces into lines of at most `width` columns (a longer word gets a line of its own); at least one
/// line.
std::vector<std::string> wrap(std::string_view text, std::size_t width);

}  // namespace heal::ctl
