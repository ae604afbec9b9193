#include "exporter/web_paths.h"

#include <catch2/catch.hpp>

namespace heal::exporter {
namespace {

TEST_CASE("the prefix is the external URL's path unless it is given") {
  const auto paths = [](const char* url, const char* prefix) { return web_paths(url, prefix).value(); };
  CHECK(paths("", "") == WebPaths{"", ""});
  CHECK(paths("http://host:80", "") == WebPaths{"http://host:80", ""});
  CHECK(paths("http://host/", "") == WebPaths{"http://host", ""});
  CHECK(paths("https://host/a/b/?q#f", "") == WebPaths{"https://host/a/b", "/a/b"});
  CHECK(paths("https://host/a", "/") == WebPaths{"https://host/a", ""});
  CHECK(paths("https://host/a", "x/y/") == WebPaths{"https://host/a", "/x/y"});
  CHECK(paths("/bb/", "") == WebPaths{"/bb", "/bb"});
  CHECK(paths("", "//bb//") == WebPaths{"", "/bb"});
}

TEST_CASE("what cannot stand in a link is refused") {
  CHECK(web_paths("\"http://x\"", "").error().message() == "--web.external-url must not begin or end with quotes");
  CHECK(web_paths("http://x/\r\nSet-Cookie: a", "").error().message() ==
        "--web.external-url and --web.route-prefix must be written as in a URL");
  CHECK_FALSE(web_paths("", "/<script>").has_value());
}

}  // namespace
}  // namespace heal::exporter
