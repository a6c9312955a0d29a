FROM BASE
COPY --from= /x /
