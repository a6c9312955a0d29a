FROM BASE
RUN --mount=type=cache,dst2=/x true
