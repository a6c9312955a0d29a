FROM BASE
RUN --mount=type=cache true
