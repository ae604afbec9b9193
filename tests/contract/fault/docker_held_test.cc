// The faults that holders bring about, on a real Docker engine and seen by their effects, in a container whose image
// has neither a shell nor a tool.

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <thread>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/base/scoped_fd.h"
#include "common/base/small_file.h"
#include "common/base/text.h"
#include "tests/contract/fault/docker_tools.h"

namespace heal::fault {
namespace {

using test::BareVictim;
using test::in_network_of;
using State = FaultLease::State;

constexpr std::uint64_t kMiB = 1 << 20;

ContainerStats stats(BareVictim& victim) {
  return victim.engine->stats(victim.name(), victim.soon(), {}).value();
}

struct statvfs data_of(BareVictim& victim) {
  struct statvfs disk {};
  REQUIRE(::statvfs(fmt::format("/proc/{}/root/data", victim.look().pid).c_str(), &disk) == 0);
  return disk;
}

/// Serves, in the container's network, "hello" to every connection on port 80.
class Server {
 public:
  explicit Server(std::int64_t pid) {
    in_network_of(pid, [this] {
      listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in any{};
      any.sin_family = AF_INET;
      any.sin_port = htons(80);
      is_good_ = ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0 &&
                 ::listen(listener_.get(), 64) == 0;
    });
    REQUIRE(is_good_);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

 private:
  void serve(const std::stop_token& stop) const {
    while (!stop.stop_requested()) {
      pollfd file{listener_.get(), POLLIN, 0};
      if (::poll(&file, 1, 50) <= 0) continue;
      const ScopedFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      (void)::send(connection.get(), "hello", 5, MSG_NOSIGNAL);
    }
  }

  ScopedFd listener_;
  bool is_good_ = false;
  std::jthread thread_;
};

/// What a connection to `address` comes to, from the network of this thread: "refused", "nothing" when there is no
/// answer within `patience`, or the first bytes that the other side says.
std::string ask(const std::string& address, std::uint16_t port, Duration patience = 2s) {
  const ScopedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  ::inet_pton(AF_INET, address.c_str(), &to.sin_addr);
  const int milliseconds = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS)
    return errno == ECONNREFUSED ? "refused" : errno_error(errno, "connect").str();
  pollfd file{socket.get(), POLLOUT, 0};
  if (::poll(&file, 1, milliseconds) <= 0) return "nothing";
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return error == ECONNREFUSED ? "refused" : errno_error(error, "connect").str();
  (void)::send(socket.get(), "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL);
  file.events = POLLIN;
  if (::poll(&file, 1, milliseconds) <= 0) return "nothing";
  std::string text(64, '\0');
  const auto got = ::recv(socket.get(), text.data(), text.size(), 0);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text.substr(0, text.find('\r'));
}

/// Which of 400 datagrams that the container sends at once to the host arrive there, in their order there.
std::vector<int> arrivals(BareVictim& victim) {
  constexpr int kSent = 400;
  const ScopedFd receiver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  REQUIRE(::bind(receiver.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  socklen_t size = sizeof to;
  REQUIRE(::getsockname(receiver.get(), reinterpret_cast<sockaddr*>(&to), &size) == 0);
  ::inet_pton(AF_INET, victim.gateway().c_str(), &to.sin_addr);
  std::string text(1200, 'x');
  std::vector<int> arrived;
  const auto drain = [&](int patience) {
    pollfd file{receiver.get(), POLLIN, 0};
    std::string into(2048, '\0');
    while (::poll(&file, 1, patience) > 0 && ::recv(receiver.get(), into.data(), into.size(), 0) > 0) {
      arrived.emplace_back();
      std::memcpy(&arrived.back(), into.data(), sizeof(int));
    }
  };
  in_network_of(victim.look().pid, [&] {
    const ScopedFd sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    for (int i = 0; i < kSent; ++i) {
      std::memcpy(text.data(), &i, sizeof i);
      (void)::sendto(sender.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
      drain(0);
    }
  });
  drain(100);
  return arrived;
}

std::size_t arriving(BareVictim& victim) {
  return arrivals(victim).size();
}

/// A container that is broken, and one that it needs and is watched by, both serving.
struct Scene {
  test::NamedNetwork network;
  BareVictim victim{{"--network", network.name}, "-victim"};
  BareVictim other{{"--network", network.name}, "-other"};
  std::optional<Server> served{victim.look().pid}, needed{other.look().pid};

  std::string asked_from(BareVictim& from, BareVictim& to) {
    std::string said;
    in_network_of(from.look().pid, [&, address = to.address()] { said = ask(address, 80, 1500ms); });
    return said;
  }
};

/// A kind of fault, and how it is seen that it is there.
struct Kind {
  const char* kind;
  Params params;
  std::function<bool(Scene&)> is_there;
};

const Kind kBandwidth{"bandwidth", {{"rate", "8KiB"}}, [](Scene& scene) { return arriving(scene.victim) < 200; }};

std::vector<Kind> kinds() {
  const auto pids = [](Scene& scene) { return stats(scene.victim).pids; };
  const auto from_host = [](Scene& scene) { return ask(scene.victim.address(), 80, 1500ms); };
  return {
      {"dependency",
       {{"to", "heal-bare-" + std::to_string(::getpid()) + "-other:80"}},
       [](Scene& scene) { return scene.asked_from(scene.victim, scene.other) == "refused"; }},
      {"cpu", {{"cpus", "2"}}, [=](Scene& scene) { return pids(scene) > 1; }},
      {"memory", {{"size", "48MiB"}}, [](Scene& scene) { return stats(scene.victim).memory_bytes > 40 * kMiB; }},
      {"disk",
       {{"path", "/data"}},
       [](Scene& scene) { return data_of(scene.victim).f_bfree * 10 < data_of(scene.victim).f_blocks; }},
      {"pids", {}, [=](Scene& scene) { return pids(scene) >= 39; }},
      {"loss", {{"percent", "100"}}, [=](Scene& scene) { return from_host(scene) == "nothing"; }},
      {"http-errors",
       {{"status", "502"}},
       [=](Scene& scene) { return from_host(scene) == "HTTP/1.1 502 Simulated Fault"; }},
      {"unseen",
       {{"from", "heal-bare-" + std::to_string(::getpid()) + "-other"}},
       [=](Scene& scene) {
         return scene.asked_from(scene.other, scene.victim) == "nothing" && from_host(scene) == "hello";
       }},
      kBandwidth,
  };
}

/// What netem does, where the kernel has it.
std::vector<Kind> netem_kinds() {
  const auto is_late = [](Scene& scene) {
    const SteadyTime asked = scene.victim.clock.steady_now();
    (void)ask(scene.victim.address(), 80, 5s);
    return scene.victim.clock.steady_now() - asked >= 2s;
  };
  const auto is_in_disorder = [](Scene& scene) {
    const auto order = arrivals(scene.victim);
    return !std::is_sorted(order.begin(), order.end());
  };
  return {
      {"latency", {{"delay", "2s"}}, is_late},
      {"corrupt", {{"percent", "50"}}, [](Scene& scene) { return arriving(scene.victim) < 300; }},
      {"duplicate", {{"percent", "100"}}, [](Scene& scene) { return arriving(scene.victim) > 500; }},
      {"reorder", {{"percent", "25"}, {"delay", "20ms"}}, is_in_disorder},
  };
}

/// As it was before anything was done to it.
void is_whole(Scene& scene) {
  CHECK(scene.victim.comes([&] { return stats(scene.victim).pids == 1; }));
  CHECK(stats(scene.victim).memory_bytes < 16 * kMiB);
  CHECK(data_of(scene.victim).f_bfree * 10 > data_of(scene.victim).f_blocks * 9);
  CHECK(ask(scene.victim.address(), 80) == "hello");
  CHECK(scene.asked_from(scene.other, scene.victim) == "hello");
  CHECK(scene.asked_from(scene.victim, scene.other) == "hello");
}

std::string holder_of(const std::string& lease) {
  return "heal-fault-helper-" + lease;
}

bool has_holder(BareVictim& victim, const std::string& lease) {
  return victim.engine->inspect(holder_of(lease), victim.soon(), {}).has_value();
}

void comes_and_goes(Scene& scene, const Kind& kind) {
  CAPTURE(kind.kind);
  CHECK_FALSE(kind.is_there(scene));
  auto keeper = scene.victim.keeper();
  const auto lease = keeper->inject({kind.kind, scene.victim.target(), 60s, "test", kind.params}, {});
  CHECK((lease ? "" : lease.error().str()) == "");
  if (!lease) return;
  CHECK(scene.victim.comes([&] { return kind.is_there(scene); }));
  CHECK(keeper->revert(lease->id, {}).value().state == State::kReverted);
  CHECK_FALSE(kind.is_there(scene));
  CHECK_FALSE(has_holder(scene.victim, lease->id));
  CHECK(keeper->revert(lease->id, {}).value().state == State::kReverted);
}

TEST_CASE("what a holder holds is there, is taken away, and a second undo is harmless") {
  test::need_engine();
  Scene scene;
  is_whole(scene);
  for (const Kind& kind : kinds())
    comes_and_goes(scene, kind);
  is_whole(scene);
}

/// One kind for each way in which a holder holds: processes, a file, packet rules, a queueing discipline.
std::vector<Kind> ways() {
  std::vector<Kind> some = kinds();
  std::erase_if(some, [](const Kind& each) {
    const std::string kind = each.kind;
    return kind != "cpu" && kind != "disk" && kind != "loss" && kind != "bandwidth";
  });
  return some;
}

using Then = std::function<void(Scene&, const Kind&, const FaultLease&)>;

void with_one(Scene& scene, const Kind& kind, Duration ttl, const Then& then) {
  CAPTURE(kind.kind);
  const auto lease = scene.victim.keeper()->inject({kind.kind, scene.victim.target(), ttl, "test", kind.params}, {});
  CHECK((lease ? "" : lease.error().str()) == "");
  if (!lease) return;
  CHECK(scene.victim.comes([&] { return kind.is_there(scene); }));
  then(scene, kind, *lease);
  CHECK(scene.victim.comes([&] { return !kind.is_there(scene); }));
}

/// The faults of these kinds, one after the other: in force, with the keeper that made them gone, as after `kill -9`.
/// The ledger is left as it was.
void with_each(const std::vector<Kind>& kinds, Duration ttl, const Then& then) {
  Scene scene;
  for (const Kind& kind : kinds)
    with_one(scene, kind, ttl, then);
  is_whole(scene);
}

/// Undoes what is left, by the ledger of `keeper`, and looks that all is undone.
void settle(Scene& scene, LeaseKeeper& keeper) {
  CHECK(scene.victim.comes([&] { return !keeper.revert_due({}).has_value(); }));
  for (const FaultLease& lease : keeper.list())
    CHECK(lease.state == State::kReverted);
}

TEST_CASE("a holder undoes its fault at its end, with nobody left who knows of it") {
  test::need_engine();
  with_each(ways(), 4s, [](Scene& scene, const Kind&, const FaultLease& lease) {
    CHECK(scene.victim.engine->wait(holder_of(lease.id), scene.victim.soon(), {}).value() == kHolderDone);
    const auto words = scene.victim.engine->logs_tail(holder_of(lease.id), 1, 200, scene.victim.soon(), {}).value();
    CHECK(words == "undone: its time is over\n");
    auto next = scene.victim.keeper();
    settle(scene, *next);
    CHECK_FALSE(has_holder(scene.victim, lease.id));
  });
}

TEST_CASE("a fault whose holder was killed is gone at once, or undone by the ledger at its deadline") {
  test::need_engine();
  Scene scene;
  for (const Kind& each : kinds()) {
    // The only one that outlives its holder, and waits for its deadline; the others must not reach theirs before.
    const bool is_left = std::string(each.kind) == "bandwidth";
    with_one(scene, each, is_left ? 4s : 60s, [&](Scene&, const Kind& kind, const FaultLease& lease) {
      REQUIRE(scene.victim.engine->kill(holder_of(lease.id), "KILL", scene.victim.soon(), {}));
      const auto is_as_told = [&] { return kind.is_there(scene) == is_left; };
      CHECK(scene.victim.comes(is_as_told));
      auto next = scene.victim.keeper();
      if (!is_left) CHECK(next->revert(lease.id, {}).value().state == State::kReverted);
      settle(scene, *next);
      CHECK_FALSE(has_holder(scene.victim, lease.id));
    });
  }
  is_whole(scene);
}

TEST_CASE("a fault whose ledger was wiped is found by its holder's label, and undone") {
  test::need_engine();
  with_each(ways(), 4s, [](Scene& scene, const Kind&, const FaultLease& lease) {
    MemoryStore empty;
    auto next = scene.victim.keeper_on(empty);
    CHECK(next->list().empty());
    CHECK(next->adopt_marks({}));
    const auto found = next->list();
    // Another test's holders may be on the same engine.
    CHECK(std::count(found.begin(), found.end(), lease) == 1);
    settle(scene, *next);
    CHECK_FALSE(has_holder(scene.victim, lease.id));
  });
}

TEST_CASE("a fault whose ledger was wiped is found after an upgrade, when the image's name stands for another one") {
  test::need_engine();
  BareVictim victim({});
  MemoryStore empty;
  LeaseTools tools = victim.tools(victim.store), next_tools = victim.tools(empty);
  const std::string name = "heal-contract-moved-" + std::to_string(::getpid()) + ":local";
  tools.holder.image = next_tools.holder.image = name;
  REQUIRE(test::docker({"tag", test::bare_image(), name}).ok());
  auto keeper = LeaseKeeper::open(std::move(tools), {}).value();
  const auto lease = keeper->inject({"cpu", victim.target(), 60s, "test"}, {}).value();
  REQUIRE(test::docker({"tag", "promheal-test/busybox:contract", name}).ok());
  auto next = LeaseKeeper::open(std::move(next_tools), {}).value();
  CHECK(next->adopt_marks({}));
  CHECK(next->list() == std::vector{lease});
  CHECK(next->revert(lease.id, {}).value().state == State::kReverted);
  CHECK(test::docker({"rmi", name}).ok());
}

bool knows(LeaseKeeper& keeper, const FaultLease& lease, State state) {
  const auto found = keeper.list();
  return std::any_of(found.begin(), found.end(),
                     [&](const FaultLease& each) { return each.id == lease.id && each.state == state; });
}

void is_found_and_undone(LeaseKeeper& keeper, BareVictim& victim, const FaultLease& lease) {
  CHECK(victim.comes([&] { return knows(keeper, lease, State::kReverted); }));
}

TEST_CASE("a fault whose ledger was lost while a keeper runs is found by it, and undone") {
  test::need_engine();
  Scene scene;
  MemoryStore empty;
  LeaseOptions options;
  options.look_for_marks = 200ms;
  auto running = LeaseKeeper::open(scene.victim.tools(empty), options).value();
  const std::jthread loop([&](const std::stop_token& stop) { running->run(stop); });
  const auto is_found = [&](Scene&, const Kind&, const FaultLease& lease) {
    is_found_and_undone(*running, scene.victim, lease);
  };
  for (const Kind& kind : ways())
    with_one(scene, kind, 4s, is_found);
  is_whole(scene);
}

void is_found_by_its_mark(BareVictim& victim, const std::string& network, const std::string& kind) {
  CAPTURE(kind);
  const auto lease = victim.keeper()->inject({kind, victim.target(), 6s, "test"}, {}).value();
  const ContainerInfo broken = victim.look();
  CHECK((kind == "partition" ? broken.networks.empty() : broken.status != "running"));
  MemoryStore empty;
  auto next = victim.keeper_on(empty);
  CHECK(next->adopt_marks({}));
  CHECK(victim.comes([&] { return !next->revert_due({}).has_value(); }));
  CHECK(victim.look().running());
  CHECK(victim.look().networks.count(network) == 1);
  CHECK_FALSE(has_holder(victim, lease.id));
}

TEST_CASE("a stopped or frozen container whose ledger was wiped is found by its mark") {
  test::need_engine();
  test::NamedNetwork network;
  BareVictim victim({"--network", network.name});
  for (const char* kind : {"stop", "kill", "crash", "pause", "partition"})
    is_found_by_its_mark(victim, network.name, kind);
}

TEST_CASE("a container that is restarted under a fault starts without it, and its holder ends") {
  test::need_engine();
  Scene scene;
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.kind);
    auto keeper = scene.victim.keeper();
    const auto lease = keeper->inject({kind.kind, scene.victim.target(), 60s, "test", kind.params}, {}).value();
    REQUIRE(scene.victim.engine->restart(scene.victim.name(), 0s, scene.victim.soon(), {}));
    scene.served.emplace(scene.victim.look().pid);
    CHECK_FALSE(kind.is_there(scene));
    CHECK(scene.victim.engine->wait(holder_of(lease.id), scene.victim.soon(), {}).value() == kHolderDone);
    CHECK(scene.victim.engine->logs_tail(holder_of(lease.id), 1, 200, scene.victim.soon(), {}).value() ==
          "undone: the container's process has ended\n");
    CHECK(keeper->check({"cpu", scene.victim.target(), 60s, "test"}, {}));
    CHECK(keeper->revert(lease.id, {}).value().state == State::kReverted);
    CHECK(scene.victim.look().running());
  }
}

TEST_CASE("no fault goes beyond what the container may use, and none fills a disk that others need") {
  test::need_engine();
  test::NamedNetwork network;
  BareVictim victim({"--network", network.name});
  auto keeper = victim.keeper();
  const auto refused = [&](const std::string& kind, const Params& params) {
    const auto lease = keeper->inject({kind, victim.target(), 60s, "test", params}, {});
    if (!lease) return lease.error().message();
    (void)keeper->revert(lease->id, {});
    return std::string("done");
  };
  CHECK_THAT(refused("memory", {{"size", "95MiB"}}),
             Catch::Matches("fault memory: 95 MiB would not leave a rest: the container uses [0-9]+ MiB of 96 MiB"));
  CHECK(refused("disk", {{"path", "/nowhere"}}) ==
        "open /nowhere in the container (links are not followed): no such file or directory");
  CHECK(refused("disk", {{"path", "/data/.."}}) == "fault disk: path /data/..: no \"..\" in it");
  // As much as the memory limit allows: the container lives on.
  const auto lease = keeper->inject({"memory", victim.target(), 60s, "test", {{"percent", "95"}}}, {}).value();
  CHECK(stats(victim).memory_bytes > 80 * kMiB);
  CHECK(stats(victim).memory_bytes < 96 * kMiB);
  CHECK(victim.look().running());
  CHECK_FALSE(victim.look().oom_killed);
  CHECK(keeper->revert(lease.id, {}).value().state == State::kReverted);
  // Its root is on the engine's own disk: a part at most, and a rest stays.
  const auto filled = keeper->inject({"disk", victim.target(), 60s, "test", {{"path", "/"}, {"size", "1MiB"}}}, {});
  if (filled) (void)keeper->revert(filled->id, {});
  if (!filled) CHECK_THAT(filled.error().message(), Catch::Contains("must stay free"));
}

TEST_CASE("a container without an address of its own is refused the faults of networks") {
  test::need_engine();
  BareVictim victim({"--network", "none"});
  for (const std::string kind : {"loss", "http-errors", "bandwidth", "unseen", "latency"}) {
    const auto refused = victim.keeper()->inject({kind, victim.target(), 60s, "test"}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() ==
          fmt::format("container {} has no network of its own (mode none)", victim.name()));
  }
}

TEST_CASE("a network is not broken while somebody who has not agreed is in it") {
  test::need_engine();
  test::NamedNetwork network;
  BareVictim victim({"--network", network.name});
  const BareVictim sidecar({"--network", "container:" + victim.name(), "--label", "heal.simulate=no"}, "-sidecar");
  for (const std::string kind : {"loss", "partition"}) {
    const auto refused = victim.keeper()->inject({kind, victim.target(), 60s, "test"}, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == ErrorCode::kRefused);
    CHECK_THAT(refused.error().str(), Catch::Contains("-sidecar uses the network of " + victim.name()));
  }
}

TEST_CASE("netem's faults are seen where the kernel has it, and are refused before anything is touched elsewhere") {
  test::need_engine();
  Scene scene;
  auto keeper = scene.victim.keeper();
  for (const Kind& kind : netem_kinds()) {
    CAPTURE(kind.kind);
    const FaultRequest request{kind.kind, scene.victim.target(), 60s, "test", kind.params};
    const auto possible = keeper->check(request, {});
    if (possible) {
      comes_and_goes(scene, kind);
      continue;
    }
    const auto refused = keeper->inject(request, {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == ErrorCode::kRefused);
    CHECK(refused.error().message() ==
          fmt::format("fault {}: the kernel of this engine's machine has no netem (module sch_netem)", kind.kind));
    CHECK(scene.victim.store.leases().value().empty());
    CHECK_FALSE(kind.is_there(scene));
  }
  is_whole(scene);
}

TEST_CASE("an image for holders that the engine does not have is found out before anything is written") {
  test::need_engine();
  BareVictim victim({});
  LeaseTools tools = victim.tools(victim.store);
  tools.holder.image = "promheal-test/none:1";
  auto keeper = LeaseKeeper::open(std::move(tools), {}).value();
  const auto refused = keeper->inject({"cpu", victim.target(), 60s, "test"}, {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == ErrorCode::kNotFound);
  CHECK(refused.error().message().find("promheal-test/none:1") != std::string::npos);
  CHECK(victim.store.leases().value().empty());
}

}  // namespace
}  // namespace heal::fault
