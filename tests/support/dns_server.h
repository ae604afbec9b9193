#pragma once

#include <string>
#include <vector>

#include "tests/support/dns_bytes.h"
#include "tests/support/loopback_datagrams.h"
#include "tests/support/loopback_server.h"

namespace heal::test {

// Name servers of tests: what a query gets is decided by the first label of its name.

/// "nx" of a query for nx.test.
inline std::string first_label(const std::string& query) {
  if (query.size() < 14) return {};
  return query.substr(13, static_cast<unsigned char>(query[12]));
}

/// The messages that answer `query`: good ones, odd ones, and hostile ones.
inline std::vector<std::string> dns_replies(const std::string& query) {
  const std::string label = first_label(query);
  const std::string a = dns_record("a.test", 1, from_hex("c0000201")),
                    b = dns_record("b.test", 1, from_hex("c0000202"));
  const std::string ns = dns_record("test", 2, dns_labels("ns.test"));
  const std::string soa = dns_record(
      "test", 6,
      dns_labels("ns.test") + dns_labels("m.test") + from_hex("7fffffff 00000e10 00000384 00093a80 0000003c"));
  const auto reply = [&](const DnsSections& sections) { return dns_answer(query, sections); };
  std::string other = query;
  if (!other.empty()) other[0] = static_cast<char>(other[0] + 1);
  if (label == "silent") return {};
  if (label == "two") return {reply({0, 2, 1, 1, a + b + ns + a})};
  if (label == "nx") return {reply({3, 0, 1, 0, soa})};
  if (label == "refused") return {reply({5})};
  if (label == "soa") return {reply({0, 1, 0, 0, soa})};
  if (label == "truncated") return {reply({0, 1, 0, 0, a, 0x8380})};
  if (label == "counts") return {reply({0, 9, 9, 9, a})};
  if (label == "cut") return {reply({0, 2, 0, 0, a + b.substr(0, 20)})};
  if (label == "trailing") return {reply({0, 1, 0, 0, a + "junk"})};
  if (label == "garbage") return {"HTTP/1.1 400 Bad Request\r\n\r\n"};
  if (label == "short") return {query.substr(0, 5)};
  if (label == "header") return {reply({5}).substr(0, 12)};
  if (label == "other") return {dns_answer(other, {3}), reply({0, 1, 0, 0, a})};
  if (label == "question") return {reply({0, 1, 0, 0, a}).replace(13, 8, "answered")};
  if (label == "reflected") return {query};
  if (label == "loop") return {reply({0, 1, 0, 0, from_hex("c00c") + a}).replace(12, 2, from_hex("c00c"))};
  if (label == "opt") return {reply({0, 0, 0, 1, from_hex("00 0029 1000 01000000 0000")})};
  if (label == "big") {
    std::string records;
    for (int i = 0; i < 40; ++i)
      records += a;
    return {reply({0, 40, 0, 0, records})};
  }
  return {reply({0, 1, 0, 0, a})};
}

/// The same over a stream: each message has its length before it.
inline LoopbackServer::Handler dns_stream_handler() {
  return [](int fd) {
    char buffer[1024];
    const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
    if (got < 2) return;
    const std::string query(buffer + 2, static_cast<std::size_t>(got) - 2);
    for (const std::string& reply : dns_replies(query)) {
      // In pieces, as networks like to do it.
      send_all(fd, dns_word(static_cast<unsigned>(reply.size())).substr(0, 1));
      send_all(fd, dns_word(static_cast<unsigned>(reply.size())).substr(1));
      send_all(fd, reply.substr(0, 7));
      send_all(fd, reply.substr(std::min<std::size_t>(7, reply.size())));
    }
    if (first_label(query) == "silent") read_to_end(fd);
    ::shutdown(fd, SHUT_WR);
    read_to_end(fd);
  };
}

}  // namespace heal::test
