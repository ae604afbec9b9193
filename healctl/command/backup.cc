#include "healctl/service/backup.h"

#include <fmt/format.h>

#include "common/wire/json.h"
#include "healctl/command/command.h"

namespace heal::ctl {
namespace {

class Backup final : public Command {
 public:
  CommandSpec spec() override {
    return {.path = {"backup"},
            .summary = "Copy the service's whole memory into a file, while it runs.",
            .details =
                "The copy is read back before it is put in place: its pages, and the chain of hashes of its "
                "journal. A file that is there is never overwritten.",
            .arguments = {{.names = "FILE",
                           .help = "the file to make",
                           .occurs = Occurs::kRequired,
                           .completes = Completes::kFiles,
                           .set = into(file_)}},
            .examples = {"healctl backup heal-backup.db"}};
  }

  Exit run(Context& context) override {
    auto file = NewFile::create(file_);
    if (!file) {
      context.complain(file.error().str());
      return Exit::kFailed;
    }
    const auto size = fetch_backup(context.service(), *file);
    if (!size) return context.fail(size.error());
    const auto report = context.ports().inspect_store
                            ? context.ports().inspect_store(file->temporary())
                            : make_error(ErrorCode::kInternal, "no way to read the copy back");
    if (!report) return refuse(context, report.error().str());
    if (const auto altered = report->journal.first_altered)
      return refuse(context, fmt::format("the copy's journal is not whole: entry {} was altered", *altered));
    if (const Status done = file->finish(); !done) return refuse(context, done.error().str());
    const auto& journal = report->journal;
    if (context.wants_table()) {
      context.say(fmt::format("{}: {} bytes, {} incidents, journal whole to entry {}", file_, *size, report->incidents,
                              journal.last));
    } else {
      context.print_document(
          Json{{"file", file_}, {"bytes", *size}, {"incidents", report->incidents}, {"last", journal.last}});
    }
    return Exit::kDone;
  }

 private:
  static Exit refuse(Context& context, const std::string& why) {
    context.complain(why);
    return Exit::kFailed;
  }

  std::string file_;
};

}  // namespace

std::unique_ptr<Command> make_backup() {
  return std::make_unique<Backup>();
}

}  // namespace heal::ctl
