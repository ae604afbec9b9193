#include <fmt/format.h>

#include "common/wire/json.h"
#include "healctl/command/command.h"

namespace heal::ctl {
namespace {

class Restore final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"restore"},
            .summary = "Put a backup in the place of a stopped service's memory.",
            .details =
                "Works on the files alone, on the service's own machine, and only while no service holds them. "
                "The backup is read before and after; what was there stays beside it under a name with the time.",
            .arguments = {{.names = "FILE",
                           .help = "what \"healctl backup\" made",
                           .occurs = Occurs::kRequired,
                           .completes = Completes::kFiles,
                           .set = into(file_)}},
            .options = {{.names = "--storage-path",
                         .value = "FOLDER",
                         .help = "the service's --storage.path",
                         .occurs = Occurs::kRequired,
                         .completes = Completes::kFiles,
                         .set = into(folder_)},
                        {.names = "--dry-run", .help = "only look at the backup", .set = into(is_dry_run_)}},
            .examples = {"healctl restore heal-backup.db --storage-path /var/lib/heal-webhook --dry-run"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    const auto& ports = context.ports();
    if (!ports.inspect_store || !ports.restore_store) {
      context.complain("stores cannot be read here");
      return Exit::kFailed;
    }
    if (is_dry_run_) return look(context);
    const auto done = ports.restore_store(file_, folder_);
    if (!done) return refuse(context, done.error());
    if (!context.wants_table()) {
      context.print_document(Json{{"restored", true},
                                  {"incidents", done->store.incidents},
                                  {"last", done->store.journal.last},
                                  {"kept", done->kept.empty() ? Json() : Json(done->kept)}});
      return Exit::kDone;
    }
    context.say(fmt::format("restored {} incidents, journal whole to entry {}", done->store.incidents,
                            done->store.journal.last));
    if (!done->kept.empty()) context.say("what was there before: " + done->kept);
    return Exit::kDone;
  }

 private:
  Exit look(Context& context) {
    const auto report = context.ports().inspect_store(file_);
    if (!report) return refuse(context, report.error());
    if (const auto altered = report->journal.first_altered) {
      context.complain(fmt::format("{}: its journal was altered: entry {} is not what was written", file_, *altered));
      return Exit::kFailed;
    }
    context.say(
        fmt::format("would restore {} incidents, journal whole to entry {}", report->incidents, report->journal.last));
    return Exit::kDone;
  }

  static Exit refuse(Context& context, const Error& error) {
    const bool is_held = error.code() == ErrorCode::kConflict;
    context.complain(error.str(), is_held ? "stop heal-webhook first, or use the program of that version" : "");
    return is_held ? Exit::kRefused : Exit::kFailed;
  }

  std::string file_, folder_;
  bool is_dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> make_restore() {
  return std::make_unique<Restore>();
}

}  // namespace heal::ctl
