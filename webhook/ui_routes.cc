#include "heal_ui.h"
#include "webhook/api.h"

namespace heal::webhook {
namespace {

/// Nothing but this page's own files runs or is loaded, whatever an alert's labels hold, and nobody frames it.
constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

}  // namespace

void add_ui_routes(httpd::HttpServer& server) {
  const auto add = [&server](const char* path, const char* type, const char* content) {
    httpd::RouteOptions options;
    options.role = "view";
    server.get(
        path,
        [type, content](const httpd::HttpRequest&) {
          httpd::HttpResponse response;
          response.content_type = type;
          response.body = content;
          response.headers = {{"Content-Security-Policy", kPolicy},
                              {"X-Content-Type-Options", "nosniff"},
                              {"Referrer-Policy", "no-referrer"},
                              {"Cache-Control", "no-cache"}};
          return response;
        },
        options);
  };
  add("/", "text/html; charset=utf-8", kUiPage);
  add("/ui/ui.css", "text/css; charset=utf-8", kUiStyle);
  add("/ui/ui.js", "text/javascript; charset=utf-8", kUiScript);
}

}  // namespace heal::webhook
