#include "common/wire/json_reader.h"

#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "common/base/text.h"

namespace heal {
namespace {

/// More digits may not fit in 64 bits.
constexpr std::size_t kMostDigits = 18;

bool is_plain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// Each member function reads one thing and says whether it could.
class Reader {
 public:
  Reader(std::string_view text, const JsonLimits& limits)
      : at_(text.data()), end_(text.data() + text.size()), limits_(limits) {}

  std::optional<Json> whole() {
    Json root;
    if (!value(root, 0)) return std::nullopt;
    skip_space();
    if (at_ != end_) return std::nullopt;
    return root;
  }

 private:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t'))
      ++at_;
  }

  bool take(char wanted) {
    if (at_ == end_ || *at_ != wanted) return false;
    ++at_;
    return true;
  }

  bool word(std::string_view wanted) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(wanted)) return false;
    at_ += wanted.size();
    return true;
  }

  bool value(Json& out, std::size_t depth) {
    skip_space();
    if (at_ == end_ || ++values_ > limits_.max_values) return false;
    switch (*at_) {
      case '{':
        return object(out, depth + 1);
      case '[':
        return array(out, depth + 1);
      case '"': {
        std::string text;
        if (!string(text)) return false;
        out = std::move(text);
        return true;
      }
      case 't':
        out = true;
        return word("true");
      case 'f':
        out = false;
        return word("false");
      case 'n':
        return word("null");
      default:
        return number(out);
    }
  }

  bool object(Json& out, std::size_t depth) {
    if (depth > limits_.max_depth) return false;
    out = Json::object();
    auto& members = out.get_ref<Json::object_t&>();
    ++at_;
    skip_space();
    if (take('}')) return true;
    do {
      skip_space();
      std::string name;
      if (!string(name)) return false;
      skip_space();
      if (!take(':')) return false;
      const auto [member, is_new] = members.emplace(std::move(name), Json());
      if (!is_new || !value(member->second, depth)) return false;
      skip_space();
    } while (take(','));
    return take('}');
  }

  bool array(Json& out, std::size_t depth) {
    if (depth > limits_.max_depth) return false;
    out = Json::array();
    auto& items = out.get_ref<Json::array_t&>();
    ++at_;
    skip_space();
    if (take(']')) return true;
    do {
      if (!value(items.emplace_back(), depth)) return false;
      skip_space();
    } while (take(','));
    return take(']');
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    while (true) {
      const char* const begin = at_;
      while (at_ != end_ && is_plain(*at_))
        ++at_;
      out.append(begin, at_);
      if (at_ == end_) return false;
      if (take('"')) return true;
      if (!take('\\') || !escape(out)) return false;
    }
  }

  bool escape(std::string& out) {
    if (at_ == end_) return false;
    constexpr std::string_view kMarks = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const char mark = *at_++;
    if (mark == 'u') return escaped_code(out);
    const auto known = kMarks.find(mark);
    if (known == std::string_view::npos) return false;
    out += kMeant[known];
    return true;
  }

  bool escaped_code(std::string& out) {
    if (end_ - at_ < 4) return false;
    unsigned code = 0;
    if (std::from_chars(at_, at_ + 4, code, 16).ptr != at_ + 4) return false;
    if (code >= 0xD800 && code <= 0xDFFF) return false;
    at_ += 4;
    append_utf8(out, code);
    return true;
  }

  bool number(Json& out) {
    const char* const begin = at_;
    const bool is_negative = take('-');
    const char* const digits = at_;
    while (at_ != end_ && is_digit(*at_))
      ++at_;
    const auto count = static_cast<std::size_t>(at_ - digits);
    if (count == 0 || count > kMostDigits || (count > 1 && *digits == '0')) return false;
    if (at_ != end_ && (*at_ == '.' || *at_ == 'e' || *at_ == 'E')) return false;
    std::int64_t number = 0;
    std::from_chars(begin, at_, number);
    if (is_negative) {
      out = number;
    } else {
      out = static_cast<std::uint64_t>(number);
    }
    return true;
  }

  const char* at_;
  const char* const end_;
  const JsonLimits& limits_;
  std::size_t values_ = 0;
};

}  // namespace

std::optional<Json> read_plain_json(std::string_view text, const JsonLimits& limits) {
  return Reader(text, limits).whole();
}

}  // namespace heal
