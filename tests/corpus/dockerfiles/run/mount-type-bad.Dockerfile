FROM BASE
RUN --mount=type=magic,target=/x true
