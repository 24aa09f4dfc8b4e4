# cmake --install: the headers, the compiled kernels, and what find_package(tercet) reads.
include(CMakePackageConfigHelpers)
set(tercet_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tercet)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tercet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp" PATTERN "*.inc" PATTERN "*.cuh")
set(tercet_targets tercet tercet_compiled)
if(TERCET_CUDA)
    list(APPEND tercet_targets tercet_cuda)
endif()
install(TARGETS ${tercet_targets} EXPORT tercetTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT tercetTargets NAMESPACE tercet:: DESTINATION ${tercet_config_dir})

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/tercetConfig.cmake.in ${PROJECT_BINARY_DIR}/tercetConfig.cmake INSTALL_DESTINATION ${tercet_config_dir})
# Before 1.0 a minor version may change names.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tercetConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tercetConfig.cmake ${PROJECT_BINARY_DIR}/tercetConfigVersion.cmake ${PROJECT_SOURCE_DIR}/cmake/dependencies.cmake
              ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
        DESTINATION ${tercet_config_dir})
