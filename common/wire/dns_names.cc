#include "common/wire/dns_names.h"

#include <array>

#include <fmt/format.h>

namespace heal {
namespace {

struct Word {
  std::uint16_t code;
  std::string_view name;
};

constexpr std::array kTypes = {
    Word{0, "None"},        Word{1, "A"},           Word{2, "NS"},      Word{3, "MD"},           Word{4, "MF"},
    Word{5, "CNAME"},       Word{6, "SOA"},         Word{7, "MB"},      Word{8, "MG"},           Word{9, "MR"},
    Word{10, "NULL"},       Word{12, "PTR"},        Word{13, "HINFO"},  Word{14, "MINFO"},       Word{15, "MX"},
    Word{16, "TXT"},        Word{17, "RP"},         Word{18, "AFSDB"},  Word{19, "X25"},         Word{20, "ISDN"},
    Word{21, "RT"},         Word{23, "NSAP-PTR"},   Word{24, "SIG"},    Word{25, "KEY"},         Word{26, "PX"},
    Word{27, "GPOS"},       Word{28, "AAAA"},       Word{29, "LOC"},    Word{30, "NXT"},         Word{31, "EID"},
    Word{32, "NIMLOC"},     Word{33, "SRV"},        Word{34, "ATMA"},   Word{35, "NAPTR"},       Word{36, "KX"},
    Word{37, "CERT"},       Word{39, "DNAME"},      Word{41, "OPT"},    Word{42, "APL"},         Word{43, "DS"},
    Word{44, "SSHFP"},      Word{46, "RRSIG"},      Word{47, "NSEC"},   Word{48, "DNSKEY"},      Word{49, "DHCID"},
    Word{50, "NSEC3"},      Word{51, "NSEC3PARAM"}, Word{52, "TLSA"},   Word{53, "SMIMEA"},      Word{55, "HIP"},
    Word{56, "NINFO"},      Word{57, "RKEY"},       Word{58, "TALINK"}, Word{59, "CDS"},         Word{60, "CDNSKEY"},
    Word{61, "OPENPGPKEY"}, Word{62, "CSYNC"},      Word{63, "ZONEMD"}, Word{64, "SVCB"},        Word{65, "HTTPS"},
    Word{99, "SPF"},        Word{100, "UINFO"},     Word{101, "UID"},   Word{102, "GID"},        Word{103, "UNSPEC"},
    Word{104, "NID"},       Word{105, "L32"},       Word{106, "L64"},   Word{107, "LP"},         Word{108, "EUI48"},
    Word{109, "EUI64"},     Word{249, "TKEY"},      Word{250, "TSIG"},  Word{251, "IXFR"},       Word{252, "AXFR"},
    Word{253, "MAILB"},     Word{254, "MAILA"},     Word{255, "ANY"},   Word{256, "URI"},        Word{257, "CAA"},
    Word{258, "AVC"},       Word{32768, "TA"},      Word{32769, "DLV"}, Word{65535, "Reserved"},
};

/// What later versions of blackbox_exporter can ask for, too; their records are shown as those of unknown types.
constexpr std::array kLaterTypes = {
    Word{45, "IPSECKEY"},
    Word{128, "NXNAME"},
    Word{260, "AMTRELAY"},
    Word{261, "RESINFO"},
};

constexpr std::array kClasses = {
    Word{1, "IN"}, Word{2, "CS"}, Word{3, "CH"}, Word{4, "HS"}, Word{254, "NONE"}, Word{255, "ANY"},
};

constexpr std::array kRcodes = {
    Word{0, "NOERROR"},  Word{1, "FORMERR"},  Word{2, "SERVFAIL"},  Word{3, "NXDOMAIN"},   Word{4, "NOTIMP"},
    Word{5, "REFUSED"},  Word{6, "YXDOMAIN"}, Word{7, "YXRRSET"},   Word{8, "NXRRSET"},    Word{9, "NOTAUTH"},
    Word{10, "NOTZONE"}, Word{16, "BADSIG"},  Word{17, "BADKEY"},   Word{18, "BADTIME"},   Word{19, "BADMODE"},
    Word{20, "BADNAME"}, Word{21, "BADALG"},  Word{22, "BADTRUNC"}, Word{23, "BADCOOKIE"}, Word{4, "NOTIMPL"},
};

constexpr std::array kAlgorithms = {
    Word{1, "RSAMD5"},
    Word{2, "DH"},
    Word{3, "DSA"},
    Word{5, "RSASHA1"},
    Word{6, "DSA-NSEC3-SHA1"},
    Word{7, "RSASHA1-NSEC3-SHA1"},
    Word{8, "RSASHA256"},
    Word{10, "RSASHA512"},
    Word{12, "ECC-GOST"},
    Word{13, "ECDSAP256SHA256"},
    Word{14, "ECDSAP384SHA384"},
    Word{15, "ED25519"},
    Word{16, "ED448"},
    Word{252, "INDIRECT"},
    Word{253, "PRIVATEDNS"},
    Word{254, "PRIVATEOID"},
};

constexpr std::array kCertificateTypes = {
    Word{1, "PKIX"}, Word{2, "SPKI"},   Word{3, "PGP"},     Word{4, "IPIX"},  Word{5, "ISPKI"},
    Word{6, "IPGP"}, Word{7, "ACPKIX"}, Word{8, "IACPKIX"}, Word{253, "URI"}, Word{254, "OID"},
};

template <std::size_t N>
std::optional<std::uint16_t> code_of(const std::array<Word, N>& words, std::string_view name) {
  for (const Word& word : words) {
    if (word.name == name) return word.code;
  }
  return std::nullopt;
}

/// The first name of `code`, else `prefix` and the number.
template <std::size_t N>
std::string name_of(const std::array<Word, N>& words, int code, std::string_view prefix) {
  for (const Word& word : words) {
    if (word.code == code) return std::string(word.name);
  }
  return fmt::format("{}{}", prefix, code);
}

}  // namespace

std::optional<std::uint16_t> dns_type_code(std::string_view name) {
  const std::optional<std::uint16_t> code = code_of(kTypes, name);
  return code ? code : code_of(kLaterTypes, name);
}

std::string dns_type_name(std::uint16_t type) {
  return name_of(kTypes, type, "TYPE");
}

std::optional<std::uint16_t> dns_class_code(std::string_view name) {
  return code_of(kClasses, name);
}

std::string dns_class_name(std::uint16_t dns_class) {
  const std::string name = name_of(kClasses, dns_class, "CLASS");
  return code_of(kTypes, name) ? fmt::format("CLASS{}", dns_class) : name;
}

std::optional<int> dns_rcode(std::string_view name) {
  return code_of(kRcodes, name);
}

std::string dns_rcode_name(int rcode) {
  return name_of(kRcodes, rcode, "");
}

std::string dns_algorithm_name(std::uint8_t algorithm) {
  return name_of(kAlgorithms, algorithm, "");
}

std::string dns_certificate_type_name(std::uint16_t type) {
  return name_of(kCertificateTypes, type, "");
}

}  // namespace heal
