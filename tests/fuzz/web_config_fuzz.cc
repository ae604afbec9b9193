#include <string>
#include <string_view>

#include "common/httpd/authenticator.h"
#include "common/httpd/listen.h"
#include "common/httpd/web_config.h"
#include "tests/fuzz/property.h"

// web.config.yml and the credentials of a request.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  (void)heal::httpd::parse_web_config("web.yml", std::string(input));
  if (const auto credentials = heal::httpd::parse_basic_auth(input)) {
    FUZZ_EXPECT(credentials->user.find(':') == std::string::npos);
    FUZZ_EXPECT(credentials->password.find('\0') == std::string::npos);
  }
  (void)heal::httpd::parse_listen_address(input);
  return 0;
}
