#include "common/system/bus_message.h"

#include <catch2/catch.hpp>

namespace heal {
namespace {

TEST_CASE("a call is written as the specification has it") {
  const std::string bytes = write_bus_call({7, "d", "/p", "i", "m", {"ab"}});
  const std::string wanted(
      "l\1\2\1\7\0\0\0\7\0\0\0\x47\0\0\0"
      "\1\1o\0\2\0\0\0/p\0\0\0\0\0\0"
      "\6\1s\0\1\0\0\0d\0\0\0\0\0\0\0"
      "\2\1s\0\1\0\0\0i\0\0\0\0\0\0\0"
      "\3\1s\0\1\0\0\0m\0\0\0\0\0\0\0"
      "\x08\1g\0\1s\0\0"
      "\2\0\0\0ab\0",
      16 + 16 + 16 + 16 + 16 + 8 + 7);
  CHECK(bytes == wanted);
}

TEST_CASE("an object path escapes what is no letter, and a digit at the beginning") {
  CHECK(unit_path("nginx.service") == "/org/freedesktop/systemd1/unit/nginx_2eservice");
  CHECK(unit_path("1a-b@2.timer") == "/org/freedesktop/systemd1/unit/_31a_2db_402_2etimer");
}

/// A reply with a variant, as systemd sends it.
std::string reply(const std::string& type, const std::string& value) {
  std::string body = std::string("\1") + type + std::string(1, '\0');
  const std::size_t alignment = type == "t" ? 8 : 4;
  body.resize((body.size() + alignment - 1) / alignment * alignment);
  body += value;
  std::string out("l\2\1\1", 4);
  out += static_cast<char>(body.size());
  out += std::string("\0\0\0\1\0\0\0\x0f\0\0\0", 11);
  out += std::string("\5\1u\0\7\0\0\0", 8) + std::string("\x08\1g\0\1v\0\0", 8);
  return out + body;
}

TEST_CASE("values are taken out of their variants, in both byte orders") {
  const BusMessage text = parse_bus_message(reply("s", std::string("\2\0\0\0ab\0", 7))).value();
  CHECK(text == BusMessage{BusMessage::Kind::kReply, 7, "", std::string("ab")});
  CHECK(parse_bus_message(reply("u", std::string("\3\1\0\0", 4)))->value == BusValue(std::uint64_t{259}));
  CHECK(parse_bus_message(reply("t", std::string("\1\0\0\0\0\0\0\1", 8)))->value ==
        BusValue((std::uint64_t{1} << 56U) + 1));
  CHECK(parse_bus_message(reply("d", std::string(12, '\0')))->value == BusValue());
  const std::string big("B\2\1\1\0\0\0\4\0\0\0\1\0\0\0\x0f\5\1u\0\0\0\0\7\x08\1g\0\1u\0\0\0\0\1\3", 36);
  CHECK(parse_bus_message(big)->value == BusValue(std::uint64_t{259}));
}

TEST_CASE("what is no message is refused, wherever it is cut or changed") {
  const std::string good = reply("s", std::string("\2\0\0\0ab\0", 7));
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(parse_bus_message(good.substr(0, size)).has_value());
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int value : {0, 1, 0x7f, 0xff}) {
      std::string bad = good;
      bad[i] = static_cast<char>(value);
      (void)parse_bus_message(bad);  // it ends, and reads nothing beyond
    }
  }
  CHECK(bus_message_size("l\2\1\1\xff\xff\xff\x7f\1\1\1\1\1\1\1\1").error().code() == ErrorCode::kTooLarge);
}

}  // namespace
}  // namespace heal
