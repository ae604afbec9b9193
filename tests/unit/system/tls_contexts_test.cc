#include <fstream>
#include <iterator>

#include <catch2/catch.hpp>

#include "common/system/probe/tls.h"
#include "tests/support/encrypted_key.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace heal::system {
namespace {

using namespace std::chrono_literals;

constexpr SteadyTime kStart{1000h};

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("settings that look alike when written one behind the other have contexts of their own") {
  const test::TempFolder folder;
  test::TestAuthority authority(folder.path());
  const std::string base = authority.issue("one", {});
  const std::string one = text_of(authority.ca_file()), two = text_of(base + ".pem"),
                    three = text_of(authority.issue("other", {}) + ".pem");
  TlsSettings settings;
  settings.ca = one;
  settings.cert = two + "\n" + three;
  settings.key = text_of(base + ".key");
  TlsContexts contexts;
  REQUIRE(contexts.get(settings, kStart).has_value());
  settings.ca = one + "\n" + two;
  settings.cert = three;
  const auto other = contexts.get(settings, kStart);
  REQUIRE_FALSE(other.has_value());
  CHECK(other.error().message() == "key written in tls_config: key values mismatch");
}

TEST_CASE("a context stays as long as it is asked for, and no longer") {
  TlsContexts contexts;
  TlsSettings kept, unused;
  kept.min_version = TlsVersion::kTls13;
  unused.min_version = TlsVersion::kTls12;
  const std::weak_ptr<SSL_CTX> first = *contexts.get(kept, kStart), second = *contexts.get(unused, kStart);
  CHECK(contexts.get(kept, kStart + 2min)->get() == first.lock().get());
  contexts.drop_unused(kStart);
  CHECK_FALSE(second.expired());
  contexts.drop_unused(kStart + 1min);
  CHECK(second.expired());
  CHECK(contexts.get(kept, kStart + 3min)->get() == first.lock().get());
}

TEST_CASE("a context of files that were replaced by broken ones is forgotten") {
  const test::TempFolder folder;
  test::TestAuthority authority(folder.path());
  TlsSettings settings;
  settings.ca_file = authority.ca_file();
  TlsContexts contexts;
  const std::weak_ptr<SSL_CTX> context = *contexts.get(settings, kStart);
  (void)folder.write("ca.pem", "nothing");
  CHECK_FALSE(contexts.get(settings, kStart).has_value());
  CHECK(context.expired());
}

TEST_CASE("nobody is asked for the password of an encrypted key") {
  const test::TempFolder folder;
  test::TestAuthority authority(folder.path());
  TlsSettings settings;
  settings.cert_file = authority.issue("one", {}) + ".pem";
  settings.key_file = test::encrypted_copy(folder.file("one.key"));
  const test::PasswordTerminal terminal;
  TlsContexts contexts;
  const auto context = contexts.get(settings, kStart);
  REQUIRE_FALSE(context.has_value());
  CHECK(context.error().message().starts_with("key_file \"" + settings.key_file + "\": "));
  CHECK(terminal.times_asked() == 0);
}

}  // namespace
}  // namespace heal::system
