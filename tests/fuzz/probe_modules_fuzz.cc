#include <string>

#include "common/config/yaml.h"
#include "common/probe/module_config.h"
#include "tests/fuzz/property.h"

namespace {

std::optional<heal::probe::Modules> read(const std::string& text, heal::config::Diagnostics& diagnostics) {
  const heal::config::Source source("blackbox.yml", text);
  const auto node = heal::config::parse_yaml(source, diagnostics);
  if (!node) return std::nullopt;
  auto modules = heal::probe::as_modules({*node, source, diagnostics, heal::config::Dialect::kGoYaml, "the file"});
  return diagnostics.has_errors() ? std::nullopt : std::move(modules);
}

/// No list of exceptions changes which proxy there is, only whether it is asked.
void expect_known_proxy(const heal::probe::ProxySettings& proxy) {
  for (const char* text : {"http://a.test:80/", "https://10.1.2.3/", "http://[::1]:80/"}) {
    const auto url = *heal::probe::Url::parse(text);
    const std::string& asked = proxy.rules.proxy_for(url, "localhost.a.test");
    FUZZ_EXPECT(proxy.from_environment || asked.empty() || asked == proxy.url);
  }
}

}  // namespace

// The `modules:` of a blackbox.yml; what /config shows of them reads back, and is shown the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  heal::config::Diagnostics diagnostics;
  const auto modules = read(std::string(reinterpret_cast<const char*>(data), size), diagnostics);
  (void)diagnostics.render();
  if (!modules) return 0;
  for (const auto& [name, module] : *modules)
    expect_known_proxy(module->http.proxy);
  std::string shown;
  for (const auto& [name, module] : *modules)
    shown += heal::probe::yaml_scalar(name) + ":\n" + heal::probe::module_yaml(*module, 2);
  heal::config::Diagnostics again;
  const auto reread = read(shown, again);
  if (!reread) fmt::print(stderr, "{}\n{}\n", shown, again.render());
  FUZZ_EXPECT(reread.has_value());
  std::string shown_again;
  for (const auto& [name, module] : *reread)
    shown_again += heal::probe::yaml_scalar(name) + ":\n" + heal::probe::module_yaml(*module, 2);
  FUZZ_EXPECT(shown_again == shown);
  return 0;
}
