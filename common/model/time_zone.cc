#include "common/model/time_zone.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/base/small_file.h"
#include "common/base/text.h"
#include "common/model/posix_tz.h"

namespace heal {

struct TimeZone::Rules {
  struct Transition {
    std::chrono::sys_seconds at;
    std::chrono::seconds offset;
  };
  std::string name = "UTC";
  std::chrono::seconds first{};  ///< before the first transition
  std::vector<Transition> transitions;
  std::optional<PosixTz> footer;
};

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kHeader = 44;
constexpr std::size_t kMostName = 64;

std::int64_t big_endian(std::string_view bytes) {
  std::uint64_t value = !bytes.empty() && (static_cast<unsigned char>(bytes[0]) & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
  for (const char c : bytes)
    value = value << 8U | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

struct Counts {
  std::size_t utc_local, standard_wall, leaps, times, types, characters;
  std::size_t block(std::size_t time_size) const {
    return times * (time_size + 1) + types * 6 + characters + leaps * (time_size + 4) + standard_wall + utc_local;
  }
};

Error damaged(std::string_view what) {
  return make_error(ErrorCode::kInvalid, "the zone's file is damaged: {}", what);
}

Result<Counts> read_header(std::string_view bytes) {
  if (bytes.size() < kHeader || bytes.substr(0, 4) != "TZif") return damaged("no TZif header");
  const auto count = [&](std::size_t n) { return static_cast<std::size_t>(big_endian(bytes.substr(20 + n * 4, 4))); };
  const Counts counts{count(0), count(1), count(2), count(3), count(4), count(5)};
  const bool is_sane = counts.types > 0 && counts.types <= 256 &&
                       std::max({counts.utc_local, counts.standard_wall, counts.leaps, counts.times,
                                 counts.characters}) <= kMostBytes / 8;
  if (!is_sane) return damaged("counts that cannot be");
  return counts;
}

Status read_block(std::string_view block, const Counts& counts, std::size_t time_size, TimeZone::Rules& out) {
  const auto types = block.substr(counts.times * (time_size + 1));
  const auto offset_of = [&](std::size_t type) { return seconds(big_endian(types.substr(type * 6, 4))); };
  out.first = offset_of(0);
  for (std::size_t i = 0; i < counts.times; ++i) {
    const auto type = static_cast<std::size_t>(static_cast<unsigned char>(block[counts.times * time_size + i]));
    if (type >= counts.types) return damaged("a type that is not there");
    const sys_seconds at(seconds(big_endian(block.substr(i * time_size, time_size))));
    if (!out.transitions.empty() && at <= out.transitions.back().at) return damaged("times that do not ascend");
    out.transitions.push_back({at, offset_of(type)});
  }
  return {};
}

bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > kMostName || name.front() == '/' || name.back() == '/') return false;
  if (name.find("//") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-' || c == '/';
  });
}

sys_seconds as_utc(LocalTime local) {
  return sys_seconds(local.time_since_epoch());
}

}  // namespace

TimeZone::TimeZone() {
  static const auto utc = std::make_shared<const Rules>();
  rules_ = utc;
}

Result<TimeZone> TimeZone::load(std::string_view name, const std::string& folder) {
  if (name == "UTC") return TimeZone();
  if (!is_zone_name(name))
    return make_error(ErrorCode::kInvalid, "\"{}\" is no name of a time zone, such as Europe/Berlin",
                      printable(name, 80));
  const std::string bytes = read_small_file(folder + "/" + std::string(name));
  if (bytes.empty())
    return make_error(ErrorCode::kNotFound, "there is no time zone \"{}\" in {} (package tzdata)", name, folder);
  return parse(std::string(name), bytes);
}

Result<TimeZone> TimeZone::parse(std::string name, std::string_view tzif) {
  if (tzif.size() > kMostBytes) return damaged("too large");
  auto rules = std::make_shared<Rules>();
  rules->name = std::move(name);
  HEAL_TRY(Counts counts, read_header(tzif));
  std::size_t time_size = 4;
  std::size_t begin = kHeader;
  if (tzif[4] >= '2') {  // the first block is for readers that know 32 bits alone
    const std::size_t second = kHeader + counts.block(4);
    if (second > tzif.size()) return damaged("cut off");
    HEAL_TRY(counts, read_header(tzif.substr(second)));
    time_size = 8;
    begin = second + kHeader;
  }
  const std::size_t end = begin + counts.block(time_size);
  if (end > tzif.size()) return damaged("cut off");
  HEAL_TRY_STATUS(read_block(tzif.substr(begin, end - begin), counts, time_size, *rules));
  auto footer = tzif.substr(end);
  if (time_size == 8 && footer.size() > 2 && footer.front() == '\n') {
    footer.remove_prefix(1);
    HEAL_TRY(rules->footer, PosixTz::parse(footer.substr(0, footer.find('\n'))));
  }
  return TimeZone(std::move(rules));
}

const std::string& TimeZone::name() const {
  return rules_->name;
}

seconds TimeZone::offset_at(WallTime at) const {
  const auto second = std::chrono::floor<seconds>(at);
  const auto& list = rules_->transitions;
  const auto next = std::upper_bound(list.begin(), list.end(), second,
                                     [](sys_seconds t, const Rules::Transition& item) { return t < item.at; });
  if (next == list.end() && rules_->footer) return rules_->footer->offset_at(second);
  return next == list.begin() ? rules_->first : std::prev(next)->offset;
}

LocalTime TimeZone::to_local(WallTime at) const {
  const auto second = std::chrono::floor<seconds>(at);
  return LocalTime(second.time_since_epoch() + offset_at(second));
}

std::vector<WallTime> TimeZone::moments_of(LocalTime local) const {
  const sys_seconds near = as_utc(local);
  std::vector<WallTime> out;
  for (const seconds offset :
       {offset_at(near - std::chrono::hours(30)), offset_at(near), offset_at(near + std::chrono::hours(30))}) {
    const WallTime at = near - offset;
    const bool is_new = std::find(out.begin(), out.end(), at) == out.end();
    if (is_new && offset_at(at) == offset) out.push_back(at);
  }
  std::sort(out.begin(), out.end());
  return out;
}

WallTime TimeZone::first_moment_of(LocalTime local) const {
  const auto moments = moments_of(local);
  return moments.empty() ? jump_over(local) : moments.front();
}

WallTime TimeZone::last_moment_of(LocalTime local) const {
  const auto moments = moments_of(local);
  return moments.empty() ? jump_over(local) : moments.back();
}

WallTime TimeZone::jump_over(LocalTime local) const {
  // The jump lies between the moments that the offsets on both of its sides would give.
  sys_seconds before = as_utc(local) - std::chrono::hours(30);
  sys_seconds after = as_utc(local) + std::chrono::hours(30);
  const seconds old = offset_at(before);
  while (after - before > seconds(1)) {
    const sys_seconds middle = before + (after - before) / 2;
    (offset_at(middle) == old ? before : after) = middle;
  }
  return after;
}

}  // namespace heal
