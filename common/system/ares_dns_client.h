#pragma once

#include "common/port/dns_client.h"

namespace heal {

/// Asks over UDP, and over TCP what does not fit into a datagram; what is lost is asked again. /etc/resolv.conf is read
/// for every question. A server may be given by its name too.
class AresDnsClient : public DnsClient {
 public:
  AresDnsClient();
  ~AresDnsClient() override;
  AresDnsClient(const AresDnsClient&) = delete;
  AresDnsClient& operator=(const AresDnsClient&) = delete;

  Result<DnsReply> look_up(const DnsLookup& lookup, Deadline deadline, std::stop_token stop) override;
};

}  // namespace heal
