#include "healctl/service/follow.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/unreached.h"
#include "common/wire/incident_json.h"
#include "common/wire/json.h"
#include "healctl/service/sse.h"

namespace heal::ctl {
namespace {

constexpr Duration kPollInterval = 500ms;

/// Reports entries once each.
void tell_news(Context& context, const Story& story, std::uint64_t& last_sequence) {
  for (const auto& entry : story.timeline) {
    if (entry.sequence <= last_sequence) continue;
    last_sequence = entry.sequence;
    context.say(progress_line(entry));
  }
}

bool may_pass(const Error& error) {
  return is_unreached(error) || error.code() == ErrorCode::kTimeout;
}

}  // namespace

std::string progress_line(const TimelineEntry& entry) {
  return fmt::format("{}  {:<13} {}", format_rfc3339(entry.at).substr(11), entry.kind, entry.message);
}

Awaited await_incident(Context& context, const std::string& id, Deadline deadline,
                       const std::function<std::optional<Exit>(const Incident&)>& is_over) {
  Awaited awaited;
  std::uint64_t last_sequence = 0;
  bool told = false;
  while (true) {
    auto story = fetch_story(context.service(), id);
    if (story) {
      tell_news(context, *story, last_sequence);
      awaited.story = std::move(*story);
      told = false;
      if (const auto exit = is_over(awaited.story->incident)) {
        awaited.exit = *exit;
        return awaited;
      }
    } else if (!may_pass(story.error())) {
      awaited.exit = context.fail(story.error());
      return awaited;
    } else if (!std::exchange(told, true)) {
      context.say(story.error().str() + "; trying again");
    }
    const auto now = context.clock().steady_now();
    if (now >= deadline) break;
    if (context.clock().sleep_until(std::min(now + kPollInterval, deadline), context.stop()) == Clock::Wake::kStopped) {
      awaited.exit = Exit::kInterrupted;
      return awaited;
    }
  }
  context.complain(fmt::format("incident {} was not over in time", id),
                   "it goes on without us: \"healctl incidents show\" tells how it ended");
  return awaited;
}

Status follow_events(Context& context, std::string& last_id, Duration patience, const EntrySink& on_entry) {
  SseParser parser;
  Status broken;
  const auto on_chunk = [&](std::string_view chunk) {
    const auto events = parser.feed(chunk);
    if (!events) {
      broken = events.error();
      return StreamNext::kEnd;
    }
    for (const auto& event : *events) {
      const auto json = parse_json(event.data);
      const auto entry = json ? entry_from_json(*json) : Result<TimelineEntry>(json.error());
      if (!entry) {
        broken =
            make_error(ErrorCode::kProtocol, "the event stream holds what is no entry: {}", entry.error().message());
        return StreamNext::kEnd;
      }
      if (!event.id.empty()) last_id = event.id;
      if (on_entry(*entry) == StreamNext::kEnd) return StreamNext::kEnd;
    }
    return StreamNext::kContinue;
  };
  HttpHeaders headers;
  if (!last_id.empty()) headers.emplace_back("Last-Event-ID", last_id);
  auto streamed =
      context.service().stream("/events", std::move(headers), on_chunk, context.clock().deadline_in(patience));
  if (!broken) return broken;
  if (!streamed && streamed.error().code() == ErrorCode::kTimeout) return {};
  return streamed;
}

}  // namespace heal::ctl
