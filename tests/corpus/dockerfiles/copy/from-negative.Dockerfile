FROM BASE
COPY --from=-1 /x /
