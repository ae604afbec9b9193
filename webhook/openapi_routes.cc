#include "heal_openapi.h"
#include "webhook/api.h"
#include "webhook/query.h"

namespace heal::webhook {

void add_openapi_routes(httpd::HttpServer& server) {
  httpd::RouteOptions options;
  options.role = "view";
  server.get("/api/v1/openapi.json",
             with_query({}, [](const httpd::HttpRequest&) { return httpd::HttpResponse::json(200, kOpenApiDocument); }),
             options);
}

}  // namespace heal::webhook
