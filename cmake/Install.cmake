# `cmake --install build/release --prefix X` makes a tree that runs from wherever it is put: the
# program looks for its web app beside itself (server/options.cc).
set(WEB_APP ${CMAKE_SOURCE_DIR}/web/dist)
# It is built by npm, so that only now is it known whether it is there.
install(CODE "
  if(NOT EXISTS \"${WEB_APP}/index.html\")
    message(FATAL_ERROR \"The web app is not built: run npm ci and npm run build in web, or ./serve.\")
  endif()")
install(TARGETS loopcast RUNTIME DESTINATION bin)
install(DIRECTORY ${WEB_APP}/ DESTINATION share/loopcast/web PATTERN .built EXCLUDE)
# The texts link to each other as they do in the source tree.
install(FILES LICENSE README.md CHANGES.md CONTRIBUTING.md DESTINATION share/doc/loopcast)
install(DIRECTORY docs DESTINATION share/doc/loopcast)
