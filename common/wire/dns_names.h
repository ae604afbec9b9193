#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heal {

// Words of the DNS as blackbox_exporter 0.23 (miekg/dns 1.1.50) knows them. Source: IANA's DNS parameters.

/// The number of a record type written in upper case ("A", "HTTPS", "NSAP-PTR"); nullopt for an unknown one.
std::optional<std::uint16_t> dns_type_code(std::string_view name);
/// "MX", or "TYPE731" for a type without a name.
std::string dns_type_name(std::uint16_t type);

/// The number of a class ("IN", "CH", "ANY"); nullopt for an unknown one.
std::optional<std::uint16_t> dns_class_code(std::string_view name);
/// "IN", or "CLASS255": a word that could also be a type is not used.
std::string dns_class_name(std::uint16_t dns_class);

/// The number of a response code ("NXDOMAIN", "BADCOOKIE"); nullopt for an unknown one.
std::optional<int> dns_rcode(std::string_view name);
/// "NXDOMAIN", or the number.
std::string dns_rcode_name(int rcode);

/// "RSASHA256", or the number: algorithms of DNSSEC as CERT records show them.
std::string dns_algorithm_name(std::uint8_t algorithm);
/// "PKIX", or the number: kinds of CERT records.
std::string dns_certificate_type_name(std::uint16_t type);

}  // namespace heal
