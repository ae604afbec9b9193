include(GNUInstallDirs)
install(TARGETS heal-exporter heal-webhook healctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# Units of systemd and the users that they run as. Made while installing: --prefix says then where the programs are.
set(units ${PROJECT_SOURCE_DIR}/exporter/systemd/heal-exporter ${PROJECT_SOURCE_DIR}/webhook/systemd/heal-webhook
          ${PROJECT_SOURCE_DIR}/webhook/systemd/heal-actuator)
install(CODE "
  set(HEAL_BIN \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
  foreach(unit ${units})
    get_filename_component(name \"\${unit}\" NAME)
    configure_file(\"\${unit}.service.in\" \"${PROJECT_BINARY_DIR}/\${name}.service\" @ONLY)
    file(INSTALL \"${PROJECT_BINARY_DIR}/\${name}.service\" DESTINATION \"\${CMAKE_INSTALL_PREFIX}/lib/systemd/system\")
  endforeach()" COMPONENT systemd)
install(FILES webhook/systemd/promheal.sysusers DESTINATION lib/sysusers.d RENAME promheal.conf COMPONENT systemd)
