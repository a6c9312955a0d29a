FROM BASE
COPY --from=5 /x /
