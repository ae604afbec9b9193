#include <string>
#include <string_view>

#include "common/base/text.h"
#include "common/probe/body_reader.h"
#include "common/probe/cookies.h"
#include "common/probe/http_checks.h"
#include "common/probe/http_request.h"
#include "common/probe/oauth2.h"
#include "common/probe/url.h"
#include "tests/fuzz/property.h"

namespace {

using heal::probe::BodyReader;
using heal::probe::HttpSettings;

constexpr std::uint64_t kLimit = 1 << 20U;

/// A header must never become two.
bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void try_headers(const heal::probe::HeaderList& headers) {
  const heal::probe::Url base = *heal::probe::Url::parse("http://a.example:8080/b/c?d");
  heal::probe::CookieJar jar;
  for (const auto& [name, value] : headers) {
    jar.store(base, value);
    (void)heal::probe::parse_http_date(value);
    const auto next = base.resolve(value);
    if (!next.has_value()) continue;
    FUZZ_EXPECT(next->scheme == "http" || next->scheme == "https");
    FUZZ_EXPECT(next->path_and_query.starts_with('/'));
    FUZZ_EXPECT(is_one_line(next->str()) && next->str().find(' ') == std::string::npos);
    const auto again = heal::probe::Url::parse(next->str());
    FUZZ_EXPECT(again.has_value() && again->str() == next->str());
  }
  FUZZ_EXPECT(is_one_line(jar.header_for(base)));
}

void try_body(std::string_view body, const char* compression, std::size_t cut) {
  HttpSettings settings;
  settings.compression = compression;
  settings.body_size_limit = kLimit;
  BodyReader reader(settings, BodyReader::Keep::kAll);
  if (reader.take(body.substr(0, cut)) == BodyReader::Next::kContinue) reader.take(body.substr(cut));
  reader.finish();
  FUZZ_EXPECT(reader.size() <= kLimit);
  FUZZ_EXPECT(reader.kept().size() <= kLimit);
  FUZZ_EXPECT(*compression != '\0' || reader.kept() == body.substr(0, kLimit));
}

}  // namespace

// What a web server or a token server may answer. The first byte cuts the body in two; then come headers, an empty line
// and the body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const auto cut = static_cast<unsigned char>(input.front());
  input.remove_prefix(1);
  const std::size_t end = input.find("\n\n");
  const std::string_view head = input.substr(0, end);
  const std::string_view body = end == std::string_view::npos ? std::string_view() : input.substr(end + 2);
  heal::probe::HeaderList headers;
  for (const std::string_view line : heal::split(head, '\n')) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    headers.emplace_back(line.substr(0, colon), heal::trim(colon < line.size() ? line.substr(colon + 1) : ""));
  }
  try_headers(headers);
  for (const char* compression : {"", "gzip", "deflate", "br"})
    try_body(body, compression, std::min<std::size_t>(cut, body.size()));
  for (const char* type : {"application/json", "text/plain"}) {
    const auto token = heal::probe::parse_oauth2_answer({200, type, std::string(body)}, heal::SteadyTime{});
    if (token.has_value()) FUZZ_EXPECT(is_one_line(token->authorization) && !token->authorization.empty());
  }
  return 0;
}
