# The library that users link, `vinci::vinci`: one archive of all modules but the command line, with the headers of
# include/vinci. Installed with it: the program, and what find_package(vinci) needs.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(objects GLOBAL PROPERTY VINCI_OBJECTS)
# No public header needs these.
list(FILTER objects EXCLUDE REGEX "vinci_(cli|coding|dataset|deep|image|lattice)(_[a-z0-9]+)?>")
add_library(vinci_library STATIC ${objects})
add_library(vinci::vinci ALIAS vinci_library)
set_target_properties(vinci_library PROPERTIES OUTPUT_NAME vinci EXPORT_NAME vinci LINKER_LANGUAGE CXX)
target_compile_features(vinci_library PUBLIC cxx_std_20)
target_include_directories(vinci_library PUBLIC
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(vinci_library PUBLIC fmt::fmt Threads::Threads)
if(VINCI_SANITIZE)
  target_link_options(vinci_library PUBLIC -fsanitize=${VINCI_SANITIZE})
endif()

if(TARGET vinci-deep)
  install(TARGETS vinci-deep RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(TARGETS vinci RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS vinci_library EXPORT vinciTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/vinci DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vinci)
install(EXPORT vinciTargets NAMESPACE vinci:: DESTINATION ${package_dir})
configure_package_config_file(cmake/vinciConfig.cmake.in ${CMAKE_BINARY_DIR}/vinciConfig.cmake
  INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/vinciConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/vinciConfig.cmake ${CMAKE_BINARY_DIR}/vinciConfigVersion.cmake
  DESTINATION ${package_dir})
