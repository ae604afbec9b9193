#include <catch2/catch.hpp>

#include "common/model/container_modes.h"
#include "common/port/fault_holder.h"
#include "common/system/fault_holder/holder.h"
#include "common/wire/docker.h"

namespace heal {
namespace {

const std::string kId(64, 'a');

HolderOrder order_of(const std::string& kind) {
  return {HolderOrder::Task::kHold, kind, "01J8", kId, 42, 30s, {{"percent", "5"}, {"to", "a=b"}}};
}

TEST_CASE("an order to a holder comes back from its arguments") {
  for (const auto task : {HolderOrder::Task::kHold, HolderOrder::Task::kProbe, HolderOrder::Task::kSweep}) {
    HolderOrder order = order_of("loss");
    order.task = task;
    const ContainerSpec spec = holder_spec("promheal:local", order, "{}");
    CHECK(parse_holder_arguments(spec.command).value() == order);
    const ContainerSpec again = parse_docker_create(write_docker_create(spec)).value();
    CHECK(parse_holder_arguments(again.command).value() == order);
    CHECK(again.pid_mode == spec.pid_mode);
  }
}

TEST_CASE("a holder gets what its kind needs, and no more") {
  const auto spec_of = [](const std::string& kind) { return holder_spec("promheal:local", order_of(kind), "{}"); };
  const ContainerSpec cpu = spec_of("cpu");
  CHECK(cpu.name == "heal-fault-helper-01J8");
  CHECK(cpu.pid_mode == kHostProcessesAndGroups);
  const std::string written = write_docker_create(cpu);
  CHECK_THAT(written, Catch::Contains(R"("Binds":["/sys/fs/cgroup:/sys/fs/cgroup"])"));
  CHECK_THAT(written, Catch::Contains(R"("CgroupnsMode":"host")"));
  CHECK_THAT(written, Catch::Contains(R"("PidMode":"host")"));
  CHECK(cpu.cap_add.empty());
  CHECK(cpu.network_mode == "none");
  const ContainerSpec disk = spec_of("disk");
  CHECK(disk.pid_mode == "host");
  CHECK(disk.cap_add == std::vector<std::string>{"SYS_PTRACE"});
  CHECK_THAT(write_docker_create(disk), !Catch::Contains("Binds"));
  const ContainerSpec loss = spec_of("loss");
  CHECK(loss.pid_mode == "host");
  CHECK(loss.network_mode == "container:" + kId);
  CHECK(loss.cap_add == std::vector<std::string>{"NET_ADMIN"});
  const ContainerSpec mark = spec_of(std::string(kMarkKind));
  CHECK(mark.pid_mode + mark.network_mode == "none");
  CHECK(mark.cap_add.empty());
}

TEST_CASE("a probe is nowhere near the container") {
  HolderOrder order = order_of("latency");
  order.task = HolderOrder::Task::kProbe;
  const ContainerSpec spec = holder_spec("promheal:local", order, "");
  CHECK(spec.pid_mode + spec.network_mode == "none");
}

TEST_CASE("arguments that are no order are refused") {
  using Words = std::vector<std::string>;
  const Words good = holder_spec("i", order_of("loss"), "").command;
  const auto with = [&](std::size_t at, const std::string& word) {
    Words words = good;
    words[at] = word;
    return words;
  };
  const std::vector<Words> bad{{},
                               {"hold"},
                               with(0, "destroy"),
                               with(1, "a b"),
                               with(2, "--leese"),
                               with(3, "../x"),
                               with(5, "abc"),
                               with(7, "1"),
                               with(7, "x"),
                               with(9, "-1s"),
                               with(9, "soon"),
                               with(10, "percent"),
                               with(10, "=5"),
                               with(10, "a b=5"),
                               with(10, "x=" + std::string(2000, 'x'))};
  const auto say = [](const std::string& /*text*/) {};
  for (const Words& words : bad) {
    CAPTURE(words);
    CHECK(parse_holder_arguments(words).error().code() == ErrorCode::kInvalid);
    CHECK(run_fault_holder(words, say) == kHolderRefused);
  }
}

TEST_CASE("a kind that a holder does not know is refused") {
  std::string said;
  HolderOrder order = order_of("melt");
  order.task = HolderOrder::Task::kProbe;
  CHECK(run_fault_holder(holder_spec("i", order, "").command, [&](const std::string& line) { said = line; }) ==
        kHolderRefused);
  CHECK(said == "fault holder: unknown kind \"melt\"");
}

TEST_CASE("a process that is not the container's is not stressed") {
  std::string said;
  HolderOrder order = order_of("memory");
  order.task = HolderOrder::Task::kProbe;
  order.pid = 2;
  CHECK(run_fault_holder(holder_spec("i", order, "").command, [&](const std::string& line) { said = line; }) ==
        kHolderRefused);
  CHECK(said == "process 2 is not one of container aaaaaaaaaaaa, or its control groups cannot be written");
}

}  // namespace
}  // namespace heal
