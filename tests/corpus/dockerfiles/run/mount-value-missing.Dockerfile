FROM BASE
RUN --mount true
