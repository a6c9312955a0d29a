FROM BASE AS Builder
FROM BASE
COPY --from=BUILDR /bin/sh /x
