FROM BASE
RUN --mount=type=cache,target=/x,mode=rwx true
