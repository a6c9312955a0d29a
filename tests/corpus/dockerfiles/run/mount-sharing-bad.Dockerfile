FROM BASE
RUN --mount=type=cache,target=/x,sharing=some true
