#include "common/probe/service_port.h"

#include <array>

#include "common/base/text.h"
#include "common/config/file.h"
#include "common/probe/url.h"

namespace heal::probe {
namespace {

constexpr const char* kServicesFile = "/etc/services";

/// What minimal systems without that file are asked for. Source: IANA.
constexpr std::string_view kWellKnown =
    "domain 53/udp\ndomain 53/tcp\nftp 21/tcp\nhttp 80/tcp\nhttps 443/tcp\nimap2 143/tcp\nimaps 993/tcp\npop3 110/tcp\n"
    "pop3s 995/tcp\nsmtp 25/tcp\nssh 22/tcp\ntelnet 23/tcp\n";

/// The words of a line, as many as there is room for.
template <std::size_t kMost>
std::size_t words_of(std::string_view line, std::array<std::string_view, kMost>& words) {
  std::size_t count = 0;
  while (count < kMost) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) break;
    line.remove_prefix(begin);
    words[count++] = line.substr(0, line.find_first_of(" \t\r"));
    line.remove_prefix(words[count - 1].size());
  }
  return count;
}

bool names_it(std::string_view name, const std::array<std::string_view, 16>& words, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    // The second word is the port.
    if (i != 1 && to_lower(words[i]) == name) return true;
  }
  return false;
}

}  // namespace

std::optional<std::uint16_t> service_port(std::string_view services, std::string_view name, PortTransport transport) {
  const std::string wanted = to_lower(name);
  const std::string_view suffix = transport == PortTransport::kTcp ? "/tcp" : "/udp";
  for (std::string_view line : split(services, '\n')) {
    std::array<std::string_view, 16> words;
    const std::size_t count = words_of(line.substr(0, line.find('#')), words);
    if (count < 2 || !words[1].ends_with(suffix) || !names_it(wanted, words, count)) continue;
    return parse_port(words[1].substr(0, words[1].size() - suffix.size()));
  }
  return std::nullopt;
}

std::optional<std::uint16_t> port_of(std::string_view text, PortTransport transport) {
  if (const std::optional<std::uint16_t> number = parse_port(text)) return number;
  if (text.empty() || parse_int(text)) return std::nullopt;
  if (const Result<std::string> services = config::read_text_file(kServicesFile); services.has_value()) {
    if (const auto port = service_port(*services, text, transport)) return port;
  }
  return service_port(kWellKnown, text, transport);
}

}  // namespace heal::probe
