FROM BASE
COPY --from=lib /x /
