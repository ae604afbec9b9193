#include "healctl/cli/completion.h"

#include "healctl/command/command.h"

namespace heal::ctl {
namespace {

class Completion final : public Command {
 public:
  explicit Completion(const CommandTree& tree) : tree_(tree) {}

  CommandSpec spec() override {
    return {.path = {"completion"},
            .summary = "Print a script that lets your shell complete healctl's command line.",
            .arguments = {{.names = "SHELL",
                           .help = "one of",
                           .choices = {"bash", "zsh", "fish"},
                           .occurs = Occurs::kRequired,
                           .set = into(shell_)}},
            .examples = {"source <(healctl completion bash)"}};
  }
  Needs needs() const override { return Needs::kNothing; }

  Exit run(Context& context) override {
    context.print(shell_ == "bash"  ? bash_completion(tree_)
                  : shell_ == "zsh" ? zsh_completion(tree_)
                                    : fish_completion(tree_));
    return Exit::kDone;
  }

 private:
  const CommandTree& tree_;
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> make_completion(const CommandTree& tree) {
  return std::make_unique<Completion>(tree);
}

}  // namespace heal::ctl
