# SPDX-License-Identifier: MIT
# Debian packages by CPack, one a component:
#
#     cmake --preset package && cmake --build --preset package --target package
#
# Only for a build that is configured for /usr: units and library paths are fixed by then. lintian
# has nothing to say against them (tests/compose/debs.sh asks it).
set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL libwherry0 libwherry-dev wherry)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE
    GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

# Who packages says so as in all Debian tools; the address below is nobody's.
set(WHERRY_MAINTAINER "The wherry authors <wherry@example.org>")
if(DEFINED ENV{DEBFULLNAME} AND DEFINED ENV{DEBEMAIL})
    set(WHERRY_MAINTAINER "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_PACKAGE_CONTACT "${WHERRY_MAINTAINER}")
set(revision 0wherry1)
set(CPACK_DEBIAN_PACKAGE_RELEASE ${revision})
set(same_version "(= ${PROJECT_VERSION}-${revision})")

set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
# dpkg-shlibdeps finds our own libraries only where they were built.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})

set(CPACK_DEBIAN_LIBWHERRY0_PACKAGE_NAME libwherry0)
set(CPACK_DEBIAN_LIBWHERRY0_PACKAGE_SECTION libs)
# dpkg's trigger runs ldconfig. CPack would write scripts that call it, unless it is told of scripts
# of ours; it passes over these two, which are not there.
set(CPACK_DEBIAN_LIBWHERRY0_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_SOURCE_DIR}/debian/triggers
    ${CMAKE_CURRENT_SOURCE_DIR}/debian/none/postinst
    ${CMAKE_CURRENT_SOURCE_DIR}/debian/none/postrm)
set(CPACK_DEBIAN_LIBWHERRY0_PACKAGE_RECOMMENDS wherry) # local: runs its wherry-broker
set(CPACK_COMPONENT_LIBWHERRY0_DESCRIPTION "networked task queue: libraries
Python's multiprocessing.Pool over processes of one machine or of many:
libwherry for clients, libwherry-worker for functions that workers offer.")

set(CPACK_DEBIAN_LIBWHERRY-DEV_PACKAGE_NAME libwherry-dev)
set(CPACK_DEBIAN_LIBWHERRY-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBWHERRY-DEV_PACKAGE_DEPENDS "libwherry0 ${same_version}")
set(CPACK_COMPONENT_LIBWHERRY-DEV_DESCRIPTION "networked task queue: headers
What programs and plugins for wherry are compiled with: headers,
pkg-config files and a CMake package.")

set(CPACK_DEBIAN_WHERRY_PACKAGE_NAME wherry)
set(CPACK_DEBIAN_WHERRY_PACKAGE_SECTION net)
# dpkg-shlibdeps leaves out what comes from this very build.
set(CPACK_DEBIAN_WHERRY_PACKAGE_DEPENDS
    "libwherry0 ${same_version}, systemd | systemd-standalone-sysusers")
set(CPACK_DEBIAN_WHERRY_PACKAGE_CONTROL_EXTRA
    ${CMAKE_CURRENT_SOURCE_DIR}/debian/conffiles ${CMAKE_CURRENT_SOURCE_DIR}/debian/postinst
    ${CMAKE_CURRENT_SOURCE_DIR}/debian/prerm ${CMAKE_CURRENT_SOURCE_DIR}/debian/postrm)
set(CPACK_DEBIAN_WHERRY_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_COMPONENT_WHERRY_DESCRIPTION "networked task queue: broker, workers, command
Spreads work over processes and machines: bounded queues, retries, results
recorded exactly once. Broker and workers come with systemd units.")

# What each package has to carry: its licence, our changes and the packager's.
find_program(GZIP gzip REQUIRED)
configure_file(debian/changelog.in debian/changelog @ONLY)
function(debian_compress source name)
    execute_process(COMMAND ${GZIP} -9nc ${source} COMMAND_ERROR_IS_FATAL ANY
                    OUTPUT_FILE ${CMAKE_CURRENT_BINARY_DIR}/debian/${name})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
endfunction()
debian_compress(${CMAKE_SOURCE_DIR}/CHANGELOG.md changelog.gz)
debian_compress(${CMAKE_CURRENT_BINARY_DIR}/debian/changelog changelog.Debian.gz)
foreach(name libwherry0 libwherry-dev wherry)
    set(doc ${CMAKE_INSTALL_DATADIR}/doc/${name})
    install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${doc} RENAME copyright
            COMPONENT ${name})
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/debian/changelog.gz
                  ${CMAKE_CURRENT_BINARY_DIR}/debian/changelog.Debian.gz
            DESTINATION ${doc} COMPONENT ${name})
endforeach()
include(CPack)
