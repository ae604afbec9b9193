#include "common/model/network_sharing.h"

#include <string>

#include <catch2/catch.hpp>

namespace heal {
namespace {

ContainerInfo container(const std::string& name, char id, const std::string& network, const std::string& status) {
  ContainerInfo out;
  out.name = name;
  out.id = std::string(64, id);
  out.network_mode = network;
  out.status = status;
  return out;
}

TEST_CASE("whoever is in a container's network is found, by way of others, too") {
  const auto web = container("web", 'a', "bridge", "running");
  const std::vector<ContainerInfo> all{
      container("of-proxy", 'f', "container:proxy", "running"),
      web,
      container("by-id", 'b', "container:" + web.id, "running"),
      container("by-short-id", 'c', "container:" + web.id.substr(0, 12), "paused"),
      container("by-name", 'd', "container:web", "restarting"),
      container("proxy", 'e', "container:by-name", "exited"),
      container("beside", '0', "bridge", "running"),
      container("of-beside", '1', "container:beside", "running"),
      container("ended", '2', "container:web", "exited"),
      container("a-name-that-looks-like-an-id", '3', "container:aa", "running"),
  };
  std::vector<std::string> names;
  for (const ContainerInfo& each : others_in_network_of(web, all))
    names.push_back(each.name);
  CHECK(names == std::vector<std::string>{"by-id", "by-short-id", "by-name", "of-proxy"});
}

}  // namespace
}  // namespace heal
