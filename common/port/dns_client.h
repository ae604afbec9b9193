#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"

namespace heal {

/// One question to a name server.
struct DnsLookup {
  std::string server;      ///< host:port; "" for the name servers of this machine
  std::string name;        ///< fully qualified, with or without the final dot: no search list, no hosts file
  std::string type = "A";  ///< in upper case

  /// `A of api.example.net at 10.0.0.53:53`
  std::string str() const { return type + " of " + name + (server.empty() ? "" : " at " + server); }
  bool operator==(const DnsLookup&) const = default;
};

/// What a name server said, good or bad.
struct DnsReply {
  std::string rcode;  ///< "NOERROR", "NXDOMAIN", "SERVFAIL", …; the number of one without a name
  /// The data of the answer's records of the type asked for, as in a zone file: `10.1.2.3`, `10 mx.example.net.`
  std::vector<std::string> records;

  bool operator==(const DnsReply&) const = default;
};

/// Asks name servers. Thread-safe.
class DnsClient {
 public:
  virtual ~DnsClient() = default;
  /// What the server says; of several of this machine the first that answers. Any response code is an answer. Errors:
  /// kUnreachable, kTimeout, kCancelled; kUnavailable when the answer cannot be read; kInvalid for what is no server,
  /// name or type.
  virtual Result<DnsReply> look_up(const DnsLookup& lookup, Deadline deadline, std::stop_token stop) = 0;
};

}  // namespace heal
