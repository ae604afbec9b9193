#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/base/text.h"
#include "common/wire/json.h"
#include "webhook/answers.h"
#include "webhook/api.h"
#include "webhook/query.h"

// The store as a whole: its journal checked, its backups.

namespace heal::webhook {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostPart = 2 << 20;
/// A backup that nobody fetched.
constexpr auto kForgotten = std::chrono::hours(1);

Json journal_json(const JournalCheck& check) {
  const std::string_view head(reinterpret_cast<const char*>(check.head.data()), check.head.size());
  return {{"intact", !check.first_altered.has_value()},
          {"first_altered", check.first_altered ? Json(*check.first_altered) : Json()},
          {"entries", check.entries},
          {"first", check.first},
          {"last", check.last},
          {"head", to_hex(head)}};
}

fs::path folder_of(const ApiTools& tools) {
  return fs::path(tools.storage_path) / "backups";
}

/// `name` as create_backup() made it: nothing else in the folder is ever touched.
Result<fs::path> backup_of(const ApiTools& tools, const std::string& name) {
  const bool is_name = name.starts_with("heal-") && name.ends_with(".db") &&
                       name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos;
  const fs::path file = folder_of(tools) / name;
  std::error_code ignored;
  if (is_name && fs::is_regular_file(file, ignored)) return file;
  return make_error(ErrorCode::kNotFound, "there is no backup {}", printable(name, 80));
}

Status make_folder(const ApiTools& tools) {
  std::error_code failure;
  fs::create_directories(folder_of(tools), failure);
  if (failure) return make_error(ErrorCode::kStorage, "make {}: {}", folder_of(tools).string(), failure.message());
  fs::permissions(folder_of(tools), fs::perms::owner_all, failure);
  for (fs::directory_iterator entry(folder_of(tools), failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code ignored;
    const auto age = fs::file_time_type::clock::now() - entry->last_write_time(ignored);
    if (!ignored && age > kForgotten) fs::remove(entry->path(), ignored);
  }
  return {};
}

/// A copy needs as much again as the store has: a disk must not be filled by looking after it.
Status check_space(const ApiTools& tools) {
  std::error_code failure;
  const fs::path store = tools.storage_path;
  std::uintmax_t size = 0;
  for (const char* name : {"heal.db", "heal.db-wal"}) {
    const auto bytes = fs::file_size(store / name, failure);
    if (!failure) size += bytes;
  }
  const auto space = fs::space(store, failure);
  // It stays until it was fetched, and the store grows meanwhile. The reserve is no part of what is free.
  const std::uintmax_t needed = size + std::max<std::uintmax_t>(size, 64 << 20);
  if (failure || space.available >= needed) return {};
  return make_error(ErrorCode::kStorage, "a backup needs {} bytes free on the service's disk, there are {}", needed,
                    space.available);
}

/// Reading or copying all of the store is done for one at a time.
template <typename Work>
httpd::HttpResponse alone(std::atomic<bool>& is_busy, const Work& work) {
  if (is_busy.exchange(true))
    return answer_error(make_error(ErrorCode::kUnavailable, "the store is being read for somebody else; ask again"));
  const struct Release {
    std::atomic<bool>& is_busy;
    ~Release() { is_busy.store(false); }
  } release{is_busy};
  return work();
}

Result<httpd::HttpResponse> create_backup(const ApiTools& tools, const httpd::HttpRequest& request) {
  Json body = Json::object();
  if (!trim(request.body).empty()) {
    HEAL_TRY(body, parse_json(request.body));
  }
  HEAL_TRY_STATUS(check_members(body, {}));
  HEAL_TRY_STATUS(make_folder(tools));
  HEAL_TRY_STATUS(check_space(tools));
  const std::string name = fmt::format("heal-{}.db", tools.clock.now().time_since_epoch().count());
  const fs::path file = folder_of(tools) / name;
  HEAL_TRY_STATUS(tools.store.back_up(file.string()));
  std::error_code failure;
  const auto bytes = fs::file_size(file, failure);
  if (failure) return make_error(ErrorCode::kStorage, "{}: {}", file.string(), failure.message());
  return answer(201, {{"backup", {{"name", name}, {"bytes", bytes}, {"version", 1}}}});
}

Result<httpd::HttpResponse> read_backup(const ApiTools& tools, const httpd::HttpRequest& request) {
  HEAL_TRY(const Json body, parse_json(request.body));
  HEAL_TRY_STATUS(check_members(body, {"name", "offset"}));
  HEAL_TRY(const std::string name, get_string(body, "name"));
  HEAL_TRY(const std::int64_t offset, get_int(body, "offset"));
  if (offset < 0) return make_error(ErrorCode::kInvalid, "/offset: expected a number that is not negative");
  HEAL_TRY(const fs::path file, backup_of(tools, name));
  std::ifstream in(file, std::ios::binary);
  std::string part(static_cast<std::size_t>(kMostPart), '\0');
  in.seekg(offset);
  in.read(part.data(), kMostPart);
  if (in.bad() || (!in && !in.eof())) return make_error(ErrorCode::kStorage, "cannot read {}", file.string());
  part.resize(static_cast<std::size_t>(in.gcount()));
  httpd::HttpResponse response;
  response.content_type = "application/octet-stream";
  response.body = std::move(part);
  return response;
}

Result<httpd::HttpResponse> delete_backup(const ApiTools& tools, const httpd::HttpRequest& request) {
  HEAL_TRY(const fs::path file, backup_of(tools, request.tail));
  std::error_code failure;
  fs::remove(file, failure);
  if (failure) return make_error(ErrorCode::kStorage, "{}: {}", file.string(), failure.message());
  return answer(200, {{"backup", {{"name", request.tail}}}});
}

}  // namespace

void add_store_routes(httpd::HttpServer& server, const ApiTools& tools) {
  httpd::RouteOptions view;
  view.role = "view";
  httpd::RouteOptions operate;
  operate.role = "operate";
  const auto is_busy = std::make_shared<std::atomic<bool>>(false);
  server.get("/api/v1/journal",
             with_query({},
                        [tools, is_busy](const httpd::HttpRequest&) {
                          return alone(*is_busy, [&] {
                            const auto check = tools.store.check_journal();
                            return check.has_value() ? answer(200, journal_json(*check)) : answer_error(check.error());
                          });
                        }),
             view);
  server.post("/api/v1/backups",
              with_query({},
                         [tools, is_busy](const httpd::HttpRequest& request) {
                           return alone(*is_busy, [&] { return or_error(create_backup(tools, request)); });
                         }),
              operate);
  // Not a GET: who may only look must not take all of the store with him.
  server.post(
      "/api/v1/backups/read",
      with_query({}, [tools](const httpd::HttpRequest& request) { return or_error(read_backup(tools, request)); }),
      operate);
  server.handle(
      "DELETE", "/api/v1/backups/*",
      with_query({}, [tools](const httpd::HttpRequest& request) { return or_error(delete_backup(tools, request)); }),
      operate);
}

}  // namespace heal::webhook
