FROM BASE AS dependencies
FROM BASE
COPY --from=dependecies /bin/sh /
