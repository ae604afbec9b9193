#include "common/system/bus_units.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/scoped_fd.h"
#include "common/base/text.h"
#include "common/system/bus_message.h"

namespace heal {
namespace {

constexpr Duration kStopPoll = 100ms;
constexpr std::size_t kMostAuthLine = 4096;
constexpr const char* kSystemd = "org.freedesktop.systemd1";

/// One connection to a bus. Every wait ends by the deadline, and soon after a stop.
class Bus {
 public:
  Bus(Deadline deadline, std::stop_token stop) : deadline_(deadline), stop_(std::move(stop)) {}

  Status connect(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
      return make_error(ErrorCode::kInvalid, "{} is too long for a socket", path);
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    socket_ = ScopedFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) return errno_error(errno, "socket");
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (errno == EACCES) return errno_error(errno, path);
      return make_error(ErrorCode::kUnreachable, "no bus at {}: {}", path, std::strerror(errno));
    }
    return authenticate();
  }

  Result<BusMessage> call(BusCall call) {
    call.serial = ++serial_;
    HEAL_TRY_STATUS(send(write_bus_call(call)));
    for (;;) {
      HEAL_TRY(BusMessage message, receive());
      if (message.reply_to == call.serial) return message;
    }
  }

 private:
  Status wait(short events) {
    for (;;) {
      if (stop_.stop_requested()) return make_error(ErrorCode::kCancelled, "the bus: stopped");
      const Duration left = deadline_ - std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
      if (left <= Duration::zero()) return make_error(ErrorCode::kTimeout, "the bus does not answer in time");
      pollfd item{socket_.get(), events, 0};
      const auto slice = std::chrono::ceil<std::chrono::milliseconds>(std::min(left, kStopPoll));
      if (::poll(&item, 1, static_cast<int>(slice.count())) > 0) return {};
    }
  }

  Status send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(sent));
        continue;
      }
      if (errno != EAGAIN && errno != EINTR)
        return make_error(ErrorCode::kUnavailable, "the bus broke off: {}", std::strerror(errno));
      HEAL_TRY_STATUS(wait(POLLOUT));
    }
    return {};
  }

  Status read_more() {
    HEAL_TRY_STATUS(wait(POLLIN));
    std::array<char, 4096> buffer{};
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) {
      received_.append(buffer.data(), static_cast<std::size_t>(got));
      return {};
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return {};
    return make_error(ErrorCode::kUnavailable, "the bus broke off");
  }

  Status authenticate() {
    std::string uid;
    for (const char digit : std::to_string(::geteuid()))
      uid += fmt::format("{:02x}", static_cast<unsigned>(digit));
    HEAL_TRY_STATUS(send(std::string(1, '\0') + "AUTH EXTERNAL " + uid + "\r\n"));
    while (received_.find("\r\n") == std::string::npos) {
      if (received_.size() > kMostAuthLine) return make_error(ErrorCode::kProtocol, "this is no bus");
      HEAL_TRY_STATUS(read_more());
    }
    const std::string line = received_.substr(0, received_.find("\r\n"));
    if (line.starts_with("REJECTED")) return make_error(ErrorCode::kUnauthorized, "the bus does not let us in");
    if (!line.starts_with("OK ")) return make_error(ErrorCode::kProtocol, "the bus says {}", printable(line, 80));
    received_.erase(0, line.size() + 2);
    HEAL_TRY_STATUS(send("BEGIN\r\n"));
    HEAL_TRY_STATUS(call({0, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", {}}));
    return {};
  }

  Result<BusMessage> receive() {
    for (;;) {
      HEAL_TRY(const std::optional<std::size_t> size, bus_message_size(received_));
      if (size && received_.size() >= *size) {
        auto message = parse_bus_message(std::string_view(received_).substr(0, *size));
        received_.erase(0, *size);
        return message;
      }
      HEAL_TRY_STATUS(read_more());
    }
  }

  const Deadline deadline_;
  const std::stop_token stop_;
  ScopedFd socket_;
  std::string received_;
  std::uint32_t serial_ = 0;
};

/// True when the error says that nobody is there to ask, and not that the question was wrong.
bool says_nobody(const std::string& error) {
  static constexpr std::array<std::string_view, 5> kNobody{
      "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
      "org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.Disconnected",
      "org.freedesktop.DBus.Error.Spawn.ServiceNotFound"};
  return std::find(kNobody.begin(), kNobody.end(), error) != kNobody.end();
}

/// A property; nothing when the unit has none of that name.
Result<BusValue> property(Bus& bus, const std::string& unit, const std::string& interface, const std::string& name) {
  HEAL_TRY(BusMessage answer, bus.call({0,
                                        kSystemd,
                                        unit_path(unit),
                                        "org.freedesktop.DBus.Properties",
                                        "Get",
                                        {std::string(kSystemd) + "." + interface, name}}));
  if (answer.kind != BusMessage::Kind::kError) return std::move(answer.value);
  if (says_nobody(answer.error_name))
    return make_error(ErrorCode::kUnreachable, "there is no systemd on the bus: {}", printable(answer.error_name));
  if (answer.error_name == "org.freedesktop.DBus.Error.AccessDenied")
    return make_error(ErrorCode::kUnauthorized, "the bus lets us not ask systemd");
  return BusValue();
}

std::string text_of(BusValue value) {
  auto* text = std::get_if<std::string>(&value);
  return text == nullptr ? "" : std::move(*text);
}

std::optional<std::uint64_t> number_of(const BusValue& value) {
  const auto* number = std::get_if<std::uint64_t>(&value);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

Result<SeenUnit> read_unit(Bus& bus, const std::string& name) {
  SeenUnit unit;
  HEAL_TRY(BusValue load, property(bus, name, "Unit", "LoadState"));
  HEAL_TRY(BusValue active, property(bus, name, "Unit", "ActiveState"));
  HEAL_TRY(BusValue sub, property(bus, name, "Unit", "SubState"));
  HEAL_TRY(const BusValue since, property(bus, name, "Unit", "StateChangeTimestamp"));
  unit.load = text_of(std::move(load));
  unit.active = text_of(std::move(active));
  unit.sub = text_of(std::move(sub));
  if (unit.active.empty()) {
    // Not a name that systemd takes, such as a template without its instance: no reason to show none of the others.
    unit = SeenUnit();
    unit.load = "not-found";
    unit.active = "inactive";
    unit.sub = "dead";
    return unit;
  }
  const std::uint64_t microseconds = number_of(since).value_or(0);
  if (microseconds > 0 && microseconds < std::uint64_t{1} << 52U)
    unit.since = WallTime(std::chrono::microseconds(microseconds));
  if (!name.ends_with(".service") || unit.load == "not-found") return unit;
  HEAL_TRY(const BusValue restarts, property(bus, name, "Service", "NRestarts"));
  HEAL_TRY(const BusValue pid, property(bus, name, "Service", "MainPID"));
  unit.restarts = number_of(restarts);
  unit.main_pid = static_cast<std::int64_t>(number_of(pid).value_or(0));
  return unit;
}

}  // namespace

Result<std::vector<SeenUnit>> BusUnits::units(const std::vector<std::string>& names, Deadline deadline,
                                              std::stop_token stop) {
  Bus bus(deadline, std::move(stop));
  HEAL_TRY_STATUS(bus.connect(socket_));
  std::vector<SeenUnit> out;
  for (const std::string& name : names) {
    HEAL_TRY(SeenUnit unit, read_unit(bus, name));
    out.push_back(std::move(unit));
  }
  return out;
}

}  // namespace heal
