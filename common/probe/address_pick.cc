#include "common/probe/address_pick.h"

#include <algorithm>

namespace heal::probe {
namespace {

std::string_view family_name(AddressFamily family) {
  return family == AddressFamily::kV4 ? "ip4" : "ip6";
}

/// The first address of the preferred family, else the last one of the other: as blackbox_exporter picks.
IpAddress pick(const std::vector<IpAddress>& found, AddressFamily preferred) {
  const bool want_v6 = preferred == AddressFamily::kV6;
  const auto it = std::find_if(found.begin(), found.end(), [&](const IpAddress& a) { return a.is_v6() == want_v6; });
  return it != found.end() ? *it : found.back();
}

}  // namespace

std::uint32_t address_hash(const IpAddress& address) {
  std::uint32_t hash = 2166136261U;
  for (const char c : address.raw())
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

void AddressPick::start(const std::string& host, IpChoice choice, Done done) {
  host_ = host;
  choice_ = choice;
  done_ = std::move(done);
  begun_ = io_.now();
  log_.info("Resolving target address",
            {{"target", host}, {"ip_protocol", std::string(family_name(choice.preferred))}});
  const AddressFamily wanted = choice.fallback ? AddressFamily::kAny : choice.preferred;
  lookup_ = io_.resolve(host, wanted, [this](std::optional<ProbeFailure> failure, const std::vector<IpAddress>& found) {
    resolved(std::move(failure), found);
  });
}

void AddressPick::resolved(std::optional<ProbeFailure> failure, const std::vector<IpAddress>& found) {
  ended_ = io_.now();
  if (failure) {
    log_.error("Resolution with IP protocol failed", {{"target", host_}, {"err", failure->message}});
  } else {
    picked_ = pick(found, choice_.preferred);
    log_.info("Resolved target address", {{"target", host_}, {"ip", picked_->str()}});
  }
  done_(std::move(failure), picked_.value_or(IpAddress{}));
}

Duration AddressPick::lookup_time() const {
  if (!begun_) return Duration::zero();
  return ended_.value_or(io_.now()) - *begun_;
}

void AddressPick::add_families(std::vector<SampleFamily>& families) const {
  if (!begun_) return;
  const double protocol = !picked_ ? 0 : picked_->is_v6() ? 6 : 4;
  families.push_back(gauge_family("probe_ip_protocol", "Specifies whether probe ip protocol is IP4 or IP6", protocol));
  families.push_back(gauge_family("probe_dns_lookup_time_seconds",
                                  "Returns the time taken for probe dns lookup in seconds", to_seconds(lookup_time())));
  families.push_back(gauge_family("probe_ip_addr_hash",
                                  "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
                                  picked_ ? address_hash(*picked_) : 0));
}

}  // namespace heal::probe
