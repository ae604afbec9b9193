#include <string>
#include <string_view>

#include "common/httpd/codec.h"
#include "common/httpd/head.h"
#include "tests/fuzz/property.h"
#include "webhook/actuator/bodies.h"
#include "webhook/actuator/call.h"

// A request as it comes over the socket: a head and a body. Whatever passes leads to a plain path of the API, about the
// container that was looked up.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace actuator = heal::actuator;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto end = input.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const auto parsed = heal::httpd::parse_head(input.substr(0, end + 4), {});
  const auto* head = std::get_if<heal::httpd::Head>(&parsed);
  if (head == nullptr) return 0;
  auto request = heal::httpd::read_request(*head);
  if (!request) return 0;
  request->body = input.substr(end + 4);
  const auto answer = actuator::parse_call(*request);
  const auto* call = std::get_if<actuator::Call>(&answer);
  if (call == nullptr) return 0;
  const std::string id(64, 'f');
  const std::string path = actuator::engine_path(*call, id);
  const std::string plain = path.substr(0, path.find('?'));
  FUZZ_EXPECT(plain.find("..") == std::string::npos || call->network.find("..") != std::string::npos);
  FUZZ_EXPECT(plain.find("//") == std::string::npos);
  FUZZ_EXPECT(plain.find_first_of("%\\ \r\n\t#") == std::string::npos);
  FUZZ_EXPECT(path.find_first_of("\r\n \t#") == std::string::npos);
  FUZZ_EXPECT(call->container.empty() || plain.find("/" + id) != std::string::npos);
  FUZZ_EXPECT(call->body.empty() || actuator::is_action(call->verb));
  heal::actuator::FaultRules faults;
  faults.enabled = true;
  faults.helper_image = "promheal:local";
  const auto helper = actuator::parse_helper_request(*call, faults);
  if (const auto* request_of_helper = std::get_if<actuator::HelperRequest>(&helper)) {
    FUZZ_EXPECT(request_of_helper->body.find("Privileged") == std::string::npos);
    FUZZ_EXPECT(request_of_helper->container.size() == id.size());
  }
  const auto network = actuator::parse_network_body(*call);
  if (const auto* body = std::get_if<actuator::NetworkBody>(&network)) {
    FUZZ_EXPECT(actuator::write_network_body(*call, *body, id).find(id) != std::string::npos);
  }
  return 0;
}
