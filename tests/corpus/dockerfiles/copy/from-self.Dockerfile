FROM BASE
COPY --from=0 /x /
