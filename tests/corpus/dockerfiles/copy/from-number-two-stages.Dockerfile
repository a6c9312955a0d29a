FROM BASE AS a
RUN true
FROM BASE
COPY --from=2 /x /
