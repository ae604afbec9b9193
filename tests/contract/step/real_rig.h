#pragma once

#include <memory>
#include <string>

#include "common/system/curl_http_client.h"
#include "common/system/curl_mailer.h"
#include "common/system/posix_process_runner.h"
#include "common/system/system_clock.h"
#include "common/system/system_host.h"
#include "common/system/system_random.h"
#include "common/system/tcp_dialer.h"
#include "tests/support/step_bench.h"

namespace heal::test {

/// A bench on the real world.
struct RealRig {
  explicit RealRig(const std::string& heal_yml)
      : bench(tools, "engines: {local: {unix: /var/run/docker.sock}}\n" + heal_yml) {}

  void aim(const std::string& id) {
    bench.set_target({TargetId::parse(id).value(), "", {}, std::nullopt, playbook::Simulate::kRefuse});
  }

  SystemClock clock;
  SystemRandom random;
  CurlHttpClient http;
  TcpDialer dialer;
  PosixProcessRunner processes;
  CurlMailer mailer;
  SystemHost host;
  remedy::Tools tools{clock, random, http, dialer, processes, &mailer, &host};
  StepBench bench;
};

}  // namespace heal::test
