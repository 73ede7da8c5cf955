# SPDX-License-Identifier: MIT
# find_package(wherry): wherry::wherry for clients, wherry::worker for functions. Both libraries
# carry what they need; nothing else has to be found.
include(${CMAKE_CURRENT_LIST_DIR}/wherry-targets.cmake)
