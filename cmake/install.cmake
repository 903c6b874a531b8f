# install.cmake - what goes where: components runtime, dev, tools, doc.
# SPDX-License-Identifier: MIT
include(CMakePackageConfigHelpers)
set(weft_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weft)

install(TARGETS weft weft-static EXPORT weft-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(EXPORT weft-targets NAMESPACE weft:: DESTINATION ${weft_package_dir} COMPONENT dev)

configure_package_config_file(packaging/weftConfig.cmake.in weftConfig.cmake
    INSTALL_DESTINATION ${weft_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/weftConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weftConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/weftConfigVersion.cmake
    DESTINATION ${weft_package_dir} COMPONENT dev)

# weft.pc finds its prefix from where it lies itself, so an installed tree may be moved.
set(weft_pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH weft_pc_libdir ${weft_pc_dir} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH weft_pc_includedir ${weft_pc_dir} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
file(RELATIVE_PATH weft_pc_prefix ${weft_pc_dir} ${CMAKE_INSTALL_PREFIX})
foreach(dir libdir includedir prefix)
    string(REGEX REPLACE "/$" "" weft_pc_${dir} "${weft_pc_${dir}}")
endforeach()
configure_file(packaging/weft.pc.in weft.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weft.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
if(EXISTS ${PROJECT_SOURCE_DIR}/README.md)
    install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
endif()
