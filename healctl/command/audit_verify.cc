#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/wire/json.h"
#include "healctl/command/command.h"

namespace heal::ctl {
namespace {

Json document_of(const JournalCheck& check) {
  const std::string_view head(reinterpret_cast<const char*>(check.head.data()), check.head.size());
  return {{"intact", !check.first_altered.has_value()},
          {"first_altered", check.first_altered ? Json(*check.first_altered) : Json()},
          {"entries", check.entries},
          {"first", check.first},
          {"last", check.last},
          {"head", to_hex(head)}};
}

class AuditVerify final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"audit", "verify"},
            .summary = "Follow the journal's chain of hashes from its first entry to its last.",
            .details =
                "Names the first entry that was altered or is missing, and ends with 1 then. Whoever keeps the "
                "number and the hash of the last entry elsewhere can also tell a journal that was made anew.\n\n"
                "The journal alone is checked: what an incident is shown as (its state, reason and times) is a row of "
                "its own outside the chain. Where the two differ, the timeline is what happened.",
            .options = {{.names = "--file",
                         .value = "DB",
                         .help = "a backup, or a heal.db, instead of asking the service",
                         .completes = Completes::kFiles,
                         .set = into(file_)}},
            .examples = {"healctl audit verify", "healctl audit verify --file heal-backup.db"}};
  }

  Exit run(Context& context) override {
    if (file_.empty()) {
      const auto answer = context.service().get("/journal");
      return answer ? tell(context, *answer) : context.fail(answer.error());
    }
    if (!context.ports().inspect_store) {
      context.complain("stores cannot be read here");
      return Exit::kUnreachable;
    }
    const auto report = context.ports().inspect_store(file_);
    if (report) return tell(context, document_of(report->journal));
    context.complain(report.error().str());
    // A file that is not there or not ours says nothing about a journal.
    return report.error().code() == ErrorCode::kStorage ? Exit::kFailed : Exit::kUnreachable;
  }

 private:
  static Exit tell(Context& context, const Json& check) {
    const auto intact = get_bool(check, "intact");
    const auto altered = get_optional_int(check, "first_altered");
    if (!intact || !altered) {
      const Error& error = intact ? altered.error() : intact.error();
      return context.fail(make_error(ErrorCode::kProtocol, "GET /journal: {}", error.message()));
    }
    if (!context.wants_table()) {
      context.print_document(check);
    } else if (*intact) {
      context.say(fmt::format("the journal is whole: entries {} to {}, last hash {}", number(check, "first"),
                              number(check, "last"), get_string(check, "head").value_or("unknown")));
    } else {
      context.complain(fmt::format("the journal was altered: entry {} is not what was written, or is missing",
                                   altered->value_or(0)));
    }
    return *intact ? Exit::kDone : Exit::kFailed;
  }

  static std::int64_t number(const Json& check, std::string_view name) { return get_int(check, name).value_or(0); }

  std::string file_;
};

}  // namespace

std::unique_ptr<Command> make_audit_verify() {
  return std::make_unique<AuditVerify>();
}

}  // namespace heal::ctl
