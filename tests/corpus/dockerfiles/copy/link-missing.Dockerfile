FROM BASE
COPY --link none.txt /
