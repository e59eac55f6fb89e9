# find_package(ConvLLaVA) for other projects: libraries, headers, and a package file that finds what they were built with.

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ConvLLaVA)

get_property(libraries GLOBAL PROPERTY CONVLLAVA_LIBRARIES)
install(TARGETS ${libraries} EXPORT ConvLLaVATargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT ConvLLaVATargets NAMESPACE ConvLLaVA:: DESTINATION ${package_dir})
install(DIRECTORY convllava DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h"
        PATTERN "apps" EXCLUDE PATTERN "gloo_declarations" EXCLUDE)
if(CONVLLAVA_BUILD_APPS)
  install(TARGETS train eval chat inspect RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(scripts/cmake/ConvLLaVAConfig.cmake.in ${PROJECT_BINARY_DIR}/ConvLLaVAConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ConvLLaVAConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/ConvLLaVAConfig.cmake ${PROJECT_BINARY_DIR}/ConvLLaVAConfigVersion.cmake
              scripts/cmake/FindLibTorch.cmake scripts/cmake/FindSentencePiece.cmake DESTINATION ${package_dir})
