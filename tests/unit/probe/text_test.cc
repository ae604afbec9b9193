#include <catch2/catch.hpp>

#include "common/base/base64.h"
#include "common/probe/address_pick.h"
#include "common/probe/body_reader.h"
#include "common/probe/decompressor.h"
#include "common/probe/expand.h"
#include "common/probe/http_checks.h"
#include "common/probe/line_buffer.h"
#include "common/probe/target_policy.h"

namespace heal::probe {
namespace {

TEST_CASE("groups are put in as Go's Expand does") {
  const auto [text, expected] = GENERATE(table<std::string, std::string>({
      {"plain", "plain"},
      {"$1 $2", "one two"},
      {"${1}x $1x", "onex "},
      {"$user ${user}", "one one"},
      {"$0", "all"},
      {"$9 $", " $"},
      {"$01 $00", " "},
      {"$$1", "$1"},
      {"${1", "${1"},
      {"a$-b", "a$-b"},
  }));
  CAPTURE(text);
  CHECK(expand_groups(text, {"all", "one", "two"}, {"", "user", ""}) == expected);
}

TEST_CASE("lines are cut wherever the bytes happen to be split") {
  LineBuffer lines;
  lines.add("a\r");
  CHECK_FALSE(lines.next());
  lines.add("\nb\n\nlast");
  CHECK(lines.next() == "a");
  CHECK(lines.next() == "b");
  CHECK(lines.next() == "");
  CHECK_FALSE(lines.next());
  lines.end();
  CHECK(lines.next() == "last");
  CHECK_FALSE(lines.next());
}

TEST_CASE("a line of 64 KiB is too long, one byte less is not") {
  LineBuffer lines;
  lines.add(std::string(65535, 'x') + "\n" + std::string(65536, 'y'));
  CHECK(lines.next() == std::string(65535, 'x'));
  CHECK_FALSE(lines.next());
  CHECK(lines.is_too_long());
}

TEST_CASE("HTTP dates in their three forms") {
  for (const char* text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    CAPTURE(text);
    CHECK(parse_http_date(text) == 784111777);
  }
  // Go reads a fraction behind the seconds, though no form has one.
  for (const char* text :
       {"Sun, 06 Nov 1994 08:49:37.5 GMT", "Sunday, 06-Nov-94 08:49:37.123456 GMT", "Sun Nov  6 08:49:37,999 1994"}) {
    CAPTURE(text);
    CHECK(parse_http_date(text) == 784111777);
  }
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37. GMT", "Sun, 06 Nov 1994 08:49:37.5.5 GMT",
                           "Sun, 06 Nov 1994 08:49.5:37 GMT", "Sun Nov  6 08:49:37 1994.5"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_http_date(text));
  }
  CHECK_FALSE(parse_http_date("1994-11-06T08:49:37Z"));
  CHECK_FALSE(parse_http_date(""));
  CHECK_FALSE(parse_http_date("Tue, 31 Feb 2015 07:28:00 GMT"));
  CHECK_FALSE(parse_http_date("Sun, 06 Nov 1994 08:49:60 GMT"));
}

TEST_CASE("base64 pads as RFC 4648 has it") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
}

TEST_CASE("the address hash is FNV-1a over the bytes") {
  CHECK(address_hash(*IpAddress::parse("127.0.0.1")) == 3668918509U);
  CHECK(address_hash(*IpAddress::parse("::1")) == 1751717746U);
}

HttpSettings compressed(const std::string& word) {
  HttpSettings settings;
  settings.compression = word;
  return settings;
}

TEST_CASE("two gzip members in small pieces are one body") {
  const std::string member(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00"
      "\x00\x00",
      25);
  BodyReader reader(compressed("gzip"), BodyReader::Keep::kAll);
  for (const char c : member + member)
    REQUIRE(reader.take({&c, 1}) == BodyReader::Next::kContinue);
  reader.finish();
  CHECK(reader.kept() == "hellohello");
  CHECK_FALSE(reader.failure());
}

TEST_CASE("a body that is cut short or is no compressed data says so") {
  const auto [word, bytes, message] = GENERATE(table<std::string, std::string, std::string>({
      {"gzip", std::string("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb", 11), "the compressed body is cut short"},
      {"gzip", "", "the compressed body is cut short"},
      {"gzip", "plain text", "the body does not begin as compressed data does"},
      {"deflate", "\xff\xff", "the body cannot be decompressed"},
      {"br", "\xff\xff\xff", "the body cannot be decompressed"},
      {"zip", "x", "unsupported compression algorithm \"zip\""},
  }));
  CAPTURE(word);
  BodyReader reader(compressed(word), BodyReader::Keep::kNothing);
  reader.take(bytes);
  reader.finish();
  REQUIRE(reader.failure());
  CHECK(*reader.failure() == ProbeFailure{ProbePhase::kBody, ProbeReason::kCompression, message});
}

TEST_CASE("allow_targets compares names with names and blocks with addresses") {
  const TargetPolicy policy =
      *TargetPolicy::create({"nginx:8080", "*.example.com", "10.0.0.0/8:443", "[fd00::/8]:80", "192.0.2.1"});
  const auto allows = [&](const char* host, const char* address, std::uint16_t port) {
    return !policy.refusal(host, IpAddress::parse(address), port);
  };
  CHECK(allows("NGINX.", "172.16.0.9", 8080));
  CHECK_FALSE(allows("nginx", "172.16.0.9", 80));
  CHECK(allows("a.b.example.com", "1.2.3.4", 1));
  CHECK_FALSE(allows("example.com", "1.2.3.4", 1));
  CHECK_FALSE(allows("badexample.com", "1.2.3.4", 1));
  CHECK(allows("evil.test", "10.1.2.3", 443));
  CHECK_FALSE(allows("10.1.2.3", "11.1.2.3", 443));
  CHECK(allows("x", "fd12::1", 80));
  CHECK(allows("x", "192.0.2.1", 9));
  CHECK(allows("x", "::ffff:192.0.2.1", 9));
  CHECK(policy.refusal("10.1.2.3", std::nullopt, 443));
  CHECK_FALSE(TargetPolicy::create({"nginx.:80"})->refusal("nginx", *IpAddress::parse("192.0.2.1"), 80));
  CHECK(TargetPolicy::denying({"*.Internal."})->refusal("a.internal", std::nullopt, 1));
  CHECK_FALSE(TargetPolicy().refusal("anything", std::nullopt, 1));
  CHECK(TargetPolicy::create({})->refusal("anything", std::nullopt, 1) ==
        "allow_targets does not hold anything at an address that a proxy chooses");
}

TEST_CASE("deny_targets wins over allow_targets, whatever spelling leads there") {
  const TargetPolicy policy =
      *TargetPolicy::create({"10.0.0.0/8", "*.example.com", "0.0.0.0", "::"},
                            {"10.9.0.0/16", "secret.example.com", "127.0.0.0/8", "::1", "192.0.2.0/24:22"});
  const auto refusal = [&](const char* host, const char* address, std::uint16_t port) {
    return policy.refusal(host, IpAddress::parse(address), port).value_or("");
  };
  CHECK(refusal("x", "10.1.2.3", 80).empty());
  CHECK(refusal("x", "10.9.2.3", 80) == "deny_targets holds x at 10.9.2.3:80");
  CHECK(refusal("x", "::ffff:10.9.2.3", 80) == "deny_targets holds x at 10.9.2.3:80");
  CHECK(refusal("SECRET.example.com.", "10.1.2.3", 80) == "deny_targets holds SECRET.example.com. at 10.1.2.3:80");
  CHECK(refusal("rebound.example.com", "127.0.0.1", 0) == "deny_targets holds rebound.example.com at 127.0.0.1");
  CHECK(refusal("0.0.0.0", "0.0.0.0", 80) == "deny_targets holds 0.0.0.0 at 0.0.0.0:80");
  CHECK(refusal("::", "::", 80) == "deny_targets holds :: at [::]:80");
  CHECK(refusal("a.example.com", "192.0.2.1", 22) == "deny_targets holds a.example.com at 192.0.2.1:22");
  CHECK(refusal("a.example.com", "192.0.2.1", 23).empty());
  // A proxy that chooses the address could choose a denied one.
  CHECK(policy.refusal("a.example.com", std::nullopt, 80) ==
        "deny_targets holds a.example.com at an address that a proxy chooses");
  const TargetPolicy open = *TargetPolicy::denying({"*.internal", "192.0.2.0/24:22"});
  CHECK_FALSE(open.refusal("anything", std::nullopt, 80));
  CHECK(open.refusal("db.internal", std::nullopt, 80));
  CHECK(open.refusal("anything", std::nullopt, 22));
}

TEST_CASE("a wrong allow_targets entry is named") {
  const auto [text, message] = GENERATE(table<std::string, std::string>({
      {"10.0.0.0/33", "\"10.0.0.0/33\" has a prefix length that is not 0 to 32"},
      {"10.0.0.1/8", "\"10.0.0.1/8\" has address bits set behind its prefix length"},
      {"nginx:http", "\"nginx:http\" does not end in a port from 1 to 65535"},
      {"http://nginx", "\"http://nginx\" does not end in a port from 1 to 65535"},
      {"a b", "\"a b\" is not a host, *.suffix, address, block of addresses or socket's path"},
      {"*", "\"*\" is not a host, *.suffix, address, block of addresses or socket's path"},
  }));
  CHECK(TargetPolicy::create({text}).error().str() == message);
  CHECK(TargetPolicy::denying({"good", text}).error().str() == message);
}

}  // namespace
}  // namespace heal::probe
