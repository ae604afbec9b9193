# The only place that finds packages. Each is one of Debian 12's (package named beside it) and is wrapped as dep::name,
# so that the rest of the build names what it needs and not where it comes from.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(heal_dep name)
  add_library(dep_${name} INTERFACE)
  target_link_libraries(dep_${name} INTERFACE ${ARGN})
  add_library(dep::${name} ALIAS dep_${name})
endfunction()

find_package(fmt 9 REQUIRED)                     # libfmt-dev
heal_dep(fmt fmt::fmt)
find_package(tl-expected REQUIRED)               # libexpected-dev
heal_dep(expected tl::expected)
find_package(OpenSSL 3 REQUIRED)                 # libssl-dev
heal_dep(crypto OpenSSL::Crypto)
heal_dep(ssl OpenSSL::SSL OpenSSL::Crypto)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)                    # libre2-dev
heal_dep(re2 PkgConfig::RE2)
find_package(nlohmann_json 3.11 REQUIRED)        # nlohmann-json3-dev
heal_dep(json nlohmann_json::nlohmann_json)
find_package(yaml-cpp 0.7 REQUIRED)              # libyaml-cpp-dev
heal_dep(yaml yaml-cpp)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)  # prometheus-cpp-dev
heal_dep(prometheus PkgConfig::PROMETHEUS)
# The three macros in its pkg-config flags decide the layout of its classes: without them it links and then crashes.
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)        # libcpp-httplib-dev
heal_dep(httplib PkgConfig::HTTPLIB Threads::Threads)
find_package(CURL 7.87 REQUIRED)                 # libcurl4-openssl-dev
heal_dep(curl CURL::libcurl)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)             # libc-ares-dev
heal_dep(cares PkgConfig::CARES)
find_package(ZLIB REQUIRED)                      # zlib1g-dev
heal_dep(zlib ZLIB::ZLIB)
pkg_check_modules(BROTLI REQUIRED IMPORTED_TARGET libbrotlidec)        # libbrotli-dev
heal_dep(brotli PkgConfig::BROTLI)
find_package(SQLite3 3.40 REQUIRED)              # libsqlite3-dev
heal_dep(sqlite SQLite::SQLite3)
pkg_check_modules(XCRYPT REQUIRED IMPORTED_TARGET libxcrypt)           # libcrypt-dev
heal_dep(crypt PkgConfig::XCRYPT)
find_package(CLI11 2.1 REQUIRED)                 # libcli11-dev
heal_dep(cli11 CLI11::CLI11)
# Of the services: a tenth more alerts a second than with glibc's, a twentieth less per probe, for 2 MiB.
if(HEAL_SANITIZE)                                # they bring their own
  heal_dep(allocator)
else()
  find_package(mimalloc 2 REQUIRED)              # libmimalloc-dev
  # Its own operator new ends the program where no memory is left: that of libstdc++, which throws, is to be found first.
  heal_dep(allocator -Wl,--push-state,--no-as-needed stdc++ mimalloc -Wl,--pop-state)
endif()
heal_dep(threads Threads::Threads)
if(HEAL_TESTS)
  find_package(Catch2 2.13 REQUIRED)             # catch2
  heal_dep(catch2 Catch2::Catch2WithMain)
endif()
