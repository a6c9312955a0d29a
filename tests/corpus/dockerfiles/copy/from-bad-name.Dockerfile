FROM BASE
COPY --from=Ab:c:d /x /
