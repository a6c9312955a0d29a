FROM BASE AS a
COPY --from=b /bin/sh /
FROM BASE AS b
