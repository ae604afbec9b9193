#include <catch2/catch.hpp>

#include "common/model/cron.h"
#include "common/model/posix_tz.h"
#include "common/model/time_window.h"

namespace heal {
namespace {

WallTime at(const char* text) {
  return **parse_rfc3339(text);
}
TimeZone zone(const char* name) {
  auto zone = TimeZone::load(name);
  REQUIRE(zone.has_value());
  return *zone;
}
std::vector<std::string> next(const char* cron, const char* after, const char* where, int count) {
  const auto schedule = CronSchedule::parse(cron);
  REQUIRE(schedule.has_value());
  std::vector<std::string> out;
  WallTime now = at(after);
  for (int i = 0; i < count; ++i) {
    now = schedule->next_after(now, zone(where)).value();
    out.push_back(format_rfc3339_nano(now));
  }
  return out;
}
using Times = std::vector<std::string>;

TEST_CASE("a zone knows its offset before, within and beyond its file's table") {
  const TimeZone berlin = zone("Europe/Berlin");
  CHECK(berlin.offset_at(at("2026-01-15T12:00:00Z")) == 1h);
  CHECK(berlin.offset_at(at("2026-03-29T00:59:59Z")) == 1h);
  CHECK(berlin.offset_at(at("2026-03-29T01:00:00Z")) == 2h);
  CHECK(berlin.offset_at(at("2026-10-25T00:59:59Z")) == 2h);
  CHECK(berlin.offset_at(at("2026-10-25T01:00:00Z")) == 1h);
  CHECK(berlin.offset_at(at("2200-07-01T00:00:00Z")) == 2h);
  CHECK(berlin.offset_at(at("2200-12-01T00:00:00Z")) == 1h);
  CHECK(berlin.offset_at(at("1880-01-01T00:00:00Z")) == 3208s);  // local mean time
  CHECK(zone("America/New_York").offset_at(at("2100-07-01T00:00:00Z")) == -4h);
  CHECK(zone("Australia/Sydney").offset_at(at("2100-01-01T00:00:00Z")) == 11h);
  CHECK(zone("Australia/Sydney").offset_at(at("2100-07-01T00:00:00Z")) == 10h);
  CHECK(zone("Asia/Kathmandu").offset_at(at("2026-07-01T00:00:00Z")) == 5h + 45min);
  CHECK(TimeZone().offset_at(at("2026-07-01T00:00:00Z")) == 0h);
}

TEST_CASE("a local time stands for no, one or two moments") {
  const TimeZone berlin = zone("Europe/Berlin");
  const auto local = [&](const char* text) {
    return LocalTime(std::chrono::floor<std::chrono::seconds>(at(text)).time_since_epoch());
  };
  CHECK(berlin.moments_of(local("2026-07-01T12:00:00Z")) == std::vector{at("2026-07-01T10:00:00Z")});
  CHECK(berlin.moments_of(local("2026-03-29T02:30:00Z")).empty());
  CHECK(berlin.first_moment_of(local("2026-03-29T02:30:00Z")) == at("2026-03-29T01:00:00Z"));
  CHECK(berlin.moments_of(local("2026-10-25T02:30:00Z")) ==
        std::vector{at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z")});
  CHECK(berlin.last_moment_of(local("2026-10-25T02:30:00Z")) == at("2026-10-25T01:30:00Z"));
  // Samoa left 30 December 2011 out as a whole.
  CHECK(zone("Pacific/Apia").moments_of(local("2011-12-30T12:00:00Z")).empty());
}

TEST_CASE("a zone that does not exist, a name that is none, and a damaged file are told apart") {
  CHECK(TimeZone::load("Europe/Atlantis").error().str() ==
        "there is no time zone \"Europe/Atlantis\" in /usr/share/zoneinfo (package tzdata)");
  for (const char* name : {"", "/etc/passwd", "../../etc/passwd", "Europe/../Berlin", "Europe//Berlin", "a b"})
    CHECK(TimeZone::load(name).error().code() == ErrorCode::kInvalid);
  CHECK(TimeZone::load("zone.tab").error().code() == ErrorCode::kInvalid);
  CHECK(TimeZone::parse("x", "no").error().str() == "the zone's file is damaged: no TZif header");
  std::string head = "TZif2" + std::string(15, '\0') + std::string(24, '\x7f');
  CHECK(TimeZone::parse("x", head).error().str() == "the zone's file is damaged: counts that cannot be");
  head = "TZif2" + std::string(15, '\0') + std::string(16, '\0') + std::string("\0\0\0\1\0\0\0\0", 8);
  CHECK(TimeZone::parse("x", head).error().str() == "the zone's file is damaged: cut off");
}

TEST_CASE("rules of zones: half hours, southern summers, numbers for names, julian days") {
  CHECK(PosixTz::parse("<+0330>-3:30")->standard == 3h + 30min);
  CHECK(*PosixTz::parse("LHST-10:30LHDT-11,M10.1.0,M4.1.0")->summer == 11h);
  const auto julian = PosixTz::parse("AAA0BBB,J60,J300").value();
  CHECK(julian.offset_at(std::chrono::floor<std::chrono::seconds>(at("2028-03-01T01:59:59Z"))) == 0h);
  CHECK(julian.offset_at(std::chrono::floor<std::chrono::seconds>(at("2028-03-01T02:00:00Z"))) == 1h);
  for (const char* text : {"", "A0", "AAA", "AAA0BBB", "AAA0BBB,M13.1.0,M4.1.0", "AAA0BBB,M1.1.0,M4.1.0,", "<A0"})
    CHECK_FALSE(PosixTz::parse(text).has_value());
}

TEST_CASE("cron finds the next moment") {
  CHECK(next("*/15 * * * *", "2026-05-04T10:07:30Z", "UTC", 3) ==
        Times{"2026-05-04T10:15:00Z", "2026-05-04T10:30:00Z", "2026-05-04T10:45:00Z"});
  CHECK(next("30 4 * * mon-fri", "2026-05-01T04:30:00Z", "UTC", 2) ==
        Times{"2026-05-04T04:30:00Z", "2026-05-05T04:30:00Z"});
  CHECK(next("0 0 29 2 *", "2097-01-01T00:00:00Z", "UTC", 1) == Times{"2104-02-29T00:00:00Z"});
  CHECK(next("0 12 13 * fri", "2026-05-04T00:00:00Z", "UTC", 3) ==  // either day
        Times{"2026-05-08T12:00:00Z", "2026-05-13T12:00:00Z", "2026-05-15T12:00:00Z"});
  CHECK(next("5,50 8-10/2 * JAN 7", "2026-01-01T00:00:00Z", "UTC", 2) ==
        Times{"2026-01-04T08:05:00Z", "2026-01-04T08:50:00Z"});
  CHECK(next("@daily", "2026-05-04T00:00:00Z", "America/New_York", 1) == Times{"2026-05-04T04:00:00Z"});
  CHECK(CronSchedule::parse("0 0 30 2 *")->next_after(at("2026-01-01T00:00:00Z"), TimeZone()) == std::nullopt);
}

TEST_CASE("when clocks jump ahead, fixed times happen at the jump and hourly ones go on in real time") {
  CHECK(next("30 2 * * *", "2026-03-28T12:00:00Z", "Europe/Berlin", 2) ==
        Times{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"});
  CHECK(next("0,30 2 * * *", "2026-03-28T12:00:00Z", "Europe/Berlin", 2) ==  // once, not twice
        Times{"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"});
  CHECK(next("*/30 * * * *", "2026-03-29T00:20:00Z", "Europe/Berlin", 3) ==
        Times{"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"});
}

TEST_CASE("when clocks fall back, fixed times happen once and hourly ones go on in real time") {
  CHECK(next("30 2 * * *", "2026-10-24T12:00:00Z", "Europe/Berlin", 2) ==
        Times{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"});
  CHECK(next("*/30 * * * *", "2026-10-25T00:00:00Z", "Europe/Berlin", 4) ==
        Times{"2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"});
}

TEST_CASE("what is no cron schedule is refused with the field that is wrong") {
  CHECK(CronSchedule::parse("* * * *").error().str() ==
        "expected five fields (minute, hour, day of month, month, day of week), got 4");
  CHECK(CronSchedule::parse("60 * * * *").error().str() ==
        "minute: expected *, 0 to 59, a range, a list or a step, got \"60\"");
  for (const char* text : {"* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *",
                           "-1 * * * *", ", * * * *", "* * * foo *", "1-2-3 * * * *", "@often", "", "+1 * * * *"}) {
    CAPTURE(text);
    CHECK_FALSE(CronSchedule::parse(text).has_value());
  }
}

TimeWindow window(std::initializer_list<const char*> days, const char* from, const char* to, const char* where) {
  TimeWindow out;
  out.days.reset();
  for (const char* day : days)
    REQUIRE(add_days(day, out.days).has_value());
  out.from = parse_time_of_day(from).value();
  out.to = parse_time_of_day(to).value();
  out.zone = zone(where);
  return out;
}

TEST_CASE("a window is open from its begin to its end, past midnight too") {
  const auto night = window({"mon-fri"}, "22:00", "06:00", "Europe/Berlin");
  CHECK(night.str() == "mon, tue, wed, thu, fri 22:00 to 06:00 Europe/Berlin");
  CHECK_FALSE(night.contains(at("2026-05-04T19:59:59Z")));  // a Monday, summer
  CHECK(night.contains(at("2026-05-04T20:00:00Z")));
  CHECK(night.contains(at("2026-05-09T03:59:59Z")));  // Saturday morning belongs to Friday
  CHECK_FALSE(night.contains(at("2026-05-09T04:00:00Z")));
  CHECK_FALSE(night.contains(at("2026-05-09T21:00:00Z")));
  CHECK(night.next_change(at("2026-05-04T21:00:00Z")) == at("2026-05-05T04:00:00Z"));
  CHECK(night.next_change(at("2026-05-09T12:00:00Z")) == at("2026-05-11T20:00:00Z"));

  const auto weekend = window({"sat-sun"}, "00:00", "24:00", "UTC");
  CHECK(weekend.next_change(at("2026-05-09T12:00:00Z")) == at("2026-05-11T00:00:00Z"));
  const auto always = window({"mon-sun"}, "00:00", "24:00", "UTC");
  CHECK(always.contains(at("2026-05-09T12:00:00Z")));
  CHECK(always.next_change(at("2026-05-09T12:00:00Z")) == std::nullopt);
  CHECK(window({}, "00:00", "24:00", "UTC").next_change(at("2026-05-09T12:00:00Z")) == std::nullopt);
}

TEST_CASE("a window whose edge is jumped over begins at the jump; one whose edge comes twice covers both") {
  const auto early = window({"sun"}, "02:30", "03:30", "Europe/Berlin");
  CHECK_FALSE(early.contains(at("2026-03-29T00:59:59Z")));
  CHECK(early.contains(at("2026-03-29T01:00:00Z")));
  CHECK_FALSE(early.contains(at("2026-03-29T01:30:00Z")));
  const auto until = window({"sun"}, "02:15", "02:45", "Europe/Berlin");
  CHECK(until.contains(at("2026-10-25T00:15:00Z")));
  CHECK(until.contains(at("2026-10-25T01:44:59Z")));
  CHECK_FALSE(until.contains(at("2026-10-25T01:45:00Z")));
}

TEST_CASE("days and times of day are read strictly") {
  for (const char* text : {"7:30", "07:60", "24:01", "0730", "-1:00", "07:30:00", ""})
    CHECK_FALSE(parse_time_of_day(text).has_value());
  std::bitset<7> days;
  for (const char* text : {"monday", "mon-", "-mon", "mon-fri-sun", ""})
    CHECK_FALSE(add_days(text, days).has_value());
  REQUIRE(add_days("sat-mon", days).has_value());
  CHECK(days.to_string() == "1000011");
}

}  // namespace
}  // namespace heal
