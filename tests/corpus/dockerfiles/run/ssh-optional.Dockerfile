FROM BASE
RUN --mount=type=ssh true
